#include "command.h"
#include "comparison.h"
#include "model_options.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/quantize.h"
#include "smelt/report/json.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

struct QuantizeCommand {
  CommonOptions common;
  ModelOptions model;
  DataOptions data;
  CriteriaOptions criteria;
  std::string calibrate, evaluate, io = "int8", ranges = "mse", out, numerics;
  int64_t samples = 200;
  uint64_t seed = 0;
  int threads = 0;
  bool per_channel_dense = false;
};

/// Sizes of the three files that matter: what the user brought, the float .tflite, the result.
std::string size_line(int64_t source, int64_t floats, int64_t result) {
  auto times = [&](int64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(result);
  };
  return fmt::format(
      "{} is {:.2f}x smaller than the source file ({}) and {:.2f}x than float .tflite ({})\n",
      format_bytes(result), times(source), format_bytes(source), times(floats),
      format_bytes(floats));
}

/// Accuracy of both models, each run from the bytes that a file of it holds.
int evaluate_both(const QuantizeCommand& options, const Criteria& criteria,
                  const Model& float_model, int64_t float_bytes, Terminal& terminal,
                  nlohmann::json& json) {
  const DatasetPtr data = open_data(options.evaluate, options.data);
  std::vector<Measured> models;
  const EvaluateOptions how{.threads = options.threads,
                            .numerics = parse_numerics(options.numerics)};
  models.push_back(measure("float", float_model, float_bytes, *data, how, terminal));
  const Model written = tflite::load(options.out);
  models.push_back(measure(options.io == "float32" ? "int8 (float32 in and out)" : "int8", written,
                           written.source.file_bytes, *data, how, terminal));
  const int64_t source_bytes = float_model.source.file_bytes;
  terminal.print("{}", comparison_table(models, source_bytes));
  json["float"] = to_json(models[0].evaluation);
  json["quantized"] = to_json(models[1].evaluation);
  return report_verdicts(judge(criteria, source_bytes, models[0], models[1]), terminal, json);
}

QuantizeOptions quantize_options(const QuantizeCommand& options, Terminal& terminal) {
  QuantizeOptions result;
  result.calibrate = {.samples = options.samples,
                      .seed = options.seed,
                      .threads = options.threads,
                      .progress = terminal.progress()};
  result.recipe.io = parse_io_type(options.io);
  result.recipe.base.ranges = parse_range_method(options.ranges);
  if (options.per_channel_dense) result.recipe.base.granularity = Granularity::per_channel;
  result.pipeline = pipeline_options(options.model);
  result.calibrate.histograms = result.recipe.base.ranges != RangeMethod::minmax;
  return result;
}

int run_quantize(const QuantizeCommand& options, Terminal& terminal) {
  const Criteria criteria = parse_criteria(options.criteria);
  if (criteria.max_drop && options.evaluate.empty()) {
    fail(ErrorKind::bad_argument, "--max-drop needs --evaluate DATA");
  }
  const DatasetPtr data = open_data(options.calibrate, options.data);
  const QuantizeResult result =
      quantize(load_model(options.model), data, quantize_options(options, terminal));

  const int64_t out_bytes = tflite::save(result.model, options.out, {.source_metadata = false});
  const int64_t float_bytes = tflite::file_bytes(result.float_model);
  const int64_t source_bytes = result.float_model.source.file_bytes;
  terminal.print("{} -> {}, calibrated on {} samples\n", options.model.path, options.out,
                 result.stats.samples);
  terminal.print("{}", size_line(source_bytes, float_bytes, out_bytes));

  nlohmann::json json = {{"input", options.model.path},
                         {"input_bytes", source_bytes},
                         {"float_tflite_bytes", float_bytes},
                         {"output", options.out},
                         {"output_bytes", out_bytes},
                         {"calibration_samples", result.stats.samples},
                         {"calibration_method", options.ranges},
                         {"io", options.io}};
  int code = kDone;
  if (!options.evaluate.empty()) {
    code = evaluate_both(options, criteria, result.float_model, float_bytes, terminal, json);
  } else {
    const Measured small{.bytes = out_bytes};
    code = report_verdicts(judge(criteria, source_bytes, {}, small), terminal, json);
  }
  write_json(options.common, json);
  return code;
}

void add_calibration(CLI::App& command, QuantizeCommand& options) {
  command
      .add_option("--calibrate", options.calibrate,
                  "Typical samples that the ranges of activations are taken from")
      ->required()
      ->type_name("DATA");
  command
      .add_option("--samples", options.samples,
                  "How many of them, chosen by --seed, of each class its share")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--calibration-method", options.ranges,
                  "Range that activations get: all that was seen (minmax), or the part of it with "
                  "the least squared error")
      ->capture_default_str()
      ->check(CLI::IsMember({"mse", "minmax"}))
      ->type_name("METHOD");
  command.add_option("--seed", options.seed, "Seed of that choice")
      ->capture_default_str()
      ->type_name("N");
}

}  // namespace

void add_quantize(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<QuantizeCommand>();
  CLI::App& command =
      *app.add_subcommand("quantize", "Write a model as int8 .tflite, calibrated on samples");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  add_calibration(command, *options);
  command.add_option("-o,--output", options->out, "File to write")->required()->type_name("FILE");
  command.add_option("--io", options->io, "Type of the model's inputs and outputs")
      ->capture_default_str()
      ->check(CLI::IsMember({"int8", "uint8", "float32"}))
      ->type_name("TYPE");
  command.add_flag("--per-channel-dense", options->per_channel_dense,
                   "A scale per unit of dense layers too: larger file and arena");
  command
      .add_option("--evaluate", options->evaluate,
                  "Measure the float and the written model on this data")
      ->type_name("DATA");
  command.add_option("--threads", options->threads, "Worker threads (all)")->type_name("N");
  add_numerics(command, options->numerics);
  add_criteria(command, options->criteria);
  add_preprocessing(command, options->data);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_quantize);
}

}  // namespace smelt::cli
