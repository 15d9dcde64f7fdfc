#include "command.h"
#include "comparison.h"
#include "debugging.h"
#include "model_options.h"
#include "recovery_report.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/quantize.h"
#include "smelt/report/debug.h"
#include "smelt/report/json.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

struct QuantizeCommand {
  CommonOptions common;
  ModelOptions model;
  DataOptions data;
  CriteriaOptions criteria;
  DebuggerOptions debugger;
  std::string calibrate, evaluate, scheme = "int8", io, ranges = "mse", out, numerics;
  std::string recover = "none";
  int64_t samples = 200;
  uint64_t seed = 0;
  int threads = 0;
  bool per_channel_dense = false;
  bool debug = false, fix = false;
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
int evaluate_both(const QuantizeCommand& options, const Criteria& criteria, const Recipe& recipe,
                  const Model& float_model, int64_t float_bytes, Terminal& terminal,
                  nlohmann::json& json) {
  const DatasetPtr data = open_data(options.evaluate, options.data);
  std::vector<Measured> models;
  const EvaluateOptions how{.threads = options.threads,
                            .numerics = parse_numerics(options.numerics)};
  models.push_back(measure("float", float_model, float_bytes, *data, how, terminal));
  const Model written = tflite::load(options.out);
  const bool outer_float = recipe.io == IoType::float32 && needs_calibration(recipe);
  models.push_back(measure(recipe.name + (outer_float ? " (float32 in and out)" : ""), written,
                           written.source.file_bytes, *data, how, terminal));
  const int64_t source_bytes = float_model.source.file_bytes;
  terminal.print("{}", comparison_table(models, source_bytes));
  json["float"] = to_json(models[0].evaluation);
  json["quantized"] = to_json(models[1].evaluation);
  return report_verdicts(judge(criteria, source_bytes, models[0], models[1]), terminal, json);
}

Recipe make_recipe(const QuantizeCommand& options) {
  Recipe recipe = scheme(options.scheme);
  if (!options.io.empty()) recipe.io = parse_io_type(options.io);
  recipe.base.ranges = parse_range_method(options.ranges);
  if (options.per_channel_dense) recipe.base.granularity = Granularity::per_channel;
  return recipe;
}

QuantizeOptions quantize_options(const QuantizeCommand& options, Terminal& terminal) {
  QuantizeOptions result{.recipe = make_recipe(options)};
  result.calibrate = {.samples = options.samples,
                      .seed = options.seed,
                      .histograms = result.recipe.base.ranges != RangeMethod::minmax,
                      .threads = options.threads,
                      .progress = terminal.progress()};
  result.pipeline = pipeline_options(options.model);
  result.recover = parse_recovery(options.recover);
  result.recover.samples = options.samples;
  result.recover.seed = options.seed;
  result.recover.threads = options.threads;
  result.recover.progress = terminal.progress();
  return result;
}

/// The calibration data; null where the recipe needs none.
DatasetPtr calibration_data(const QuantizeCommand& options, const Recipe& recipe) {
  if (!options.calibrate.empty()) return open_data(options.calibrate, options.data);
  if (needs_calibration(recipe)) {
    fail(ErrorKind::bad_argument,
         "scheme {} takes the ranges of activations from typical samples; give --calibrate DATA",
         recipe.name);
  }
  return nullptr;
}

/// What the debugger says of the result; with --fix the result made again by its cures.
nlohmann::json debug_result(const QuantizeCommand& options, const QuantizeOptions& how,
                            const DatasetPtr& calibration, QuantizeResult& result,
                            Terminal& terminal) {
  const DatasetPtr data =
      options.evaluate.empty() ? calibration : open_data(options.evaluate, options.data);
  DebuggerOptions debugger = options.debugger;
  debugger.threads = options.threads;
  DebugOptions debug = debug_options(debugger, terminal);
  debug.align = AlignBy::ids;
  debug.numerics = parse_numerics(options.numerics);
  const DebugReport report = debug_quantization(result.float_model, result.model, data, debug);
  nlohmann::json json = to_json(report);
  report_debugging(report, debugger, terminal);
  if (!options.fix) return json;
  const FixRequest request{.float_model = result.float_model,
                           .stats = how.calibrate.histograms ? &result.stats : nullptr,
                           .quantized_bytes = tflite::file_bytes(result.model),
                           .report = report,
                           .calibration = calibration,
                           .data = data,
                           .recipe = how.recipe,
                           .calibrate = how.calibrate,
                           .debug = debug};
  if (std::optional<FixedModel> fixed = fix_model(request, terminal, json["fix"])) {
    result.plan = std::move(fixed->plan);
    result.model = std::move(fixed->model);
  }
  return json;
}

void check_debug_flags(const QuantizeCommand& options) {
  if (options.debug && options.calibrate.empty() && options.evaluate.empty()) {
    fail(ErrorKind::bad_argument, "--debug needs samples; give --calibrate or --evaluate DATA");
  }
  if (!options.debug && (options.fix || !options.debugger.csv.empty())) {
    fail(ErrorKind::bad_argument, "--fix and --debug-csv are of --debug, which is not asked for");
  }
}

int run_quantize(const QuantizeCommand& options, Terminal& terminal) {
  const Criteria criteria = parse_criteria(options.criteria);
  check_debug_flags(options);
  if (criteria.max_drop && options.evaluate.empty()) {
    fail(ErrorKind::bad_argument, "--max-drop needs --evaluate DATA");
  }
  const QuantizeOptions how = quantize_options(options, terminal);
  const DatasetPtr data = calibration_data(options, how.recipe);
  QuantizeResult result = quantize(load_model(options.model), data, how);
  nlohmann::json debugged;
  if (options.debug) debugged = debug_result(options, how, data, result, terminal);

  const int64_t out_bytes = tflite::save(result.model, options.out, {.source_metadata = false});
  const int64_t float_bytes = tflite::file_bytes(result.float_model);
  const int64_t source_bytes = result.float_model.source.file_bytes;
  terminal.print("{} -> {} ({}{})\n", options.model.path, options.out, how.recipe.name,
                 result.stats.samples > 0
                     ? fmt::format(", calibrated on {} samples", result.stats.samples)
                     : "");
  for (const UnrolledLayer& layer : result.unrolled) {
    terminal.print("{}: {} steps unrolled into {} ops (loops stay in float)\n", layer.layer,
                   layer.steps, layer.ops);
  }
  terminal.print("{}", size_line(source_bytes, float_bytes, out_bytes));
  terminal.print("{}", recovery_table(result.recovery));

  nlohmann::json json = {{"input", options.model.path},
                         {"input_bytes", source_bytes},
                         {"float_tflite_bytes", float_bytes},
                         {"output", options.out},
                         {"output_bytes", out_bytes},
                         {"scheme", how.recipe.name},
                         {"calibration_samples", result.stats.samples},
                         {"calibration_method", options.ranges},
                         {"io", name(how.recipe.io)}};
  if (!result.recovery.empty()) json["recovery"] = recovery_json(result.recovery);
  if (options.debug) json["debug"] = std::move(debugged);
  int code = kDone;
  if (!options.evaluate.empty()) {
    code = evaluate_both(options, criteria, how.recipe, result.float_model, float_bytes, terminal,
                         json);
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
                  "Typical samples that the ranges of activations are taken from (integer schemes)")
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
  command
      .add_option("--recover", options.recover,
                  "Win back what rounding loses: none, all, or some of equalize (even out channels "
                  "between layers), bias (correct mean errors), round (learned rounding of "
                  "weights), gptq (error feedback while rounding)")
      ->capture_default_str()
      ->type_name("STEPS");
  command.add_option("--seed", options.seed, "Seed of that choice")
      ->capture_default_str()
      ->type_name("N");
}

}  // namespace

void add_quantize(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<QuantizeCommand>();
  CLI::App& command = *app.add_subcommand(
      "quantize", "Write a model as .tflite of smaller numbers, by default int8");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  add_calibration(command, *options);
  command.add_option("-o,--output", options->out, "File to write")->required()->type_name("FILE");
  command.add_option("--scheme", options->scheme, "What becomes of weights and activations")
      ->capture_default_str()
      ->check(CLI::IsMember(scheme_names()))
      ->type_name("SCHEME");
  command
      .add_option(
          "--io", options->io,
          "Type of the model's inputs and outputs (default: int8 of int8 and int4, int16 of "
          "int16x8, float32 of the others)")
      ->check(CLI::IsMember({"int8", "uint8", "int16", "float32"}))
      ->type_name("TYPE");
  command.add_flag("--per-channel-dense", options->per_channel_dense,
                   "A scale per unit of dense layers too: larger file and arena");
  command
      .add_option("--evaluate", options->evaluate,
                  "Measure the float and the written model on this data")
      ->type_name("DATA");
  command.add_option("--threads", options->threads, "Worker threads (all)")->type_name("N");
  const std::string group = "Debugger";
  command
      .add_flag("--debug", options->debug,
                "Compare the result with the float model op by op, on the data of --evaluate or "
                "--calibrate (see smelt debug)")
      ->group(group);
  command.add_flag("--fix", options->fix, "Quantize again with the cures that --debug names")
      ->group(group);
  command.add_option("--debug-csv", options->debugger.csv, "Write every op's statistics")
      ->type_name("FILE")
      ->group(group);
  add_debugger(command, options->debugger);
  add_numerics(command, options->numerics);
  add_criteria(command, options->criteria);
  add_preprocessing(command, options->data);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_quantize);
}

}  // namespace smelt::cli
