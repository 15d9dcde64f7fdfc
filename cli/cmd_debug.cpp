#include "command.h"
#include "comparison.h"
#include "debugging.h"
#include "model_options.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/debug/fix.h"
#include "smelt/quantize/prepare.h"
#include "smelt/report/debug.h"

namespace smelt::cli {
namespace {

struct DebugCommand {
  CommonOptions common;
  ModelOptions model;
  DataOptions data;
  DebuggerOptions debugger;
  std::string quantized, data_spec, calibrate, out, numerics;
  bool fix = false;
};

void check_flags(const DebugCommand& options) {
  if (options.fix && (options.calibrate.empty() || options.out.empty())) {
    fail(ErrorKind::bad_argument, "--fix needs --calibrate DATA and -o FILE");
  }
  if (!options.fix && !(options.calibrate.empty() && options.out.empty())) {
    fail(ErrorKind::bad_argument, "--calibrate and -o are of --fix, which is not asked for");
  }
}

/// The float model as `smelt quantize` would quantize it.
Model float_form(const ModelOptions& options) {
  Model model = load_model(options);
  prepare_for_quantization(model, scheme("int8"), pipeline_options(options));
  return model;
}

nlohmann::json fix(const DebugCommand& options, const Model& float_model, const Model& quantized,
                   const DebugReport& report, const DebugOptions& debug, const DatasetPtr& data,
                   Terminal& terminal) {
  nlohmann::json json;
  QuantizeOptions how{.recipe = recipe_of(quantized), .pipeline = pipeline_options(options.model)};
  how.calibrate.threads = how.recover.threads = options.debugger.threads;
  how.calibrate.progress = how.recover.progress = terminal.progress();
  const FixRequest request{.float_model = float_model,
                           .quantized_bytes = quantized.source.file_bytes,
                           .report = report,
                           .calibration = open_data(options.calibrate, options.data),
                           .data = data,
                           .quantize = how,
                           .debug = debug};
  if (const std::optional<QuantizeResult> fixed = fix_model(request, terminal, json)) {
    tflite::save(fixed->model, options.out, {.source_metadata = false});
    json["output"] = options.out;
  }
  return json;
}

int run_debug(const DebugCommand& options, Terminal& terminal) {
  check_flags(options);
  const Model float_model = float_form(options.model);
  const Model quantized = tflite::load(options.quantized);
  const DatasetPtr data = open_data(options.data_spec, options.data);
  DebugOptions how = debug_options(options.debugger, terminal);
  how.numerics = parse_numerics(options.numerics);
  const DebugReport report = debug_quantization(float_model, quantized, data, how);
  report_debugging(report, options.debugger, terminal);
  nlohmann::json json = to_json(report);
  json["float_model"] = options.model.path;
  json["quantized_model"] = options.quantized;
  if (options.fix) {
    json["fix"] = fix(options, float_model, quantized, report, how, data, terminal);
  }
  write_json(options.common, json);
  return kDone;
}

}  // namespace

void add_debug(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<DebugCommand>();
  CLI::App& command = *app.add_subcommand(
      "debug", "Compare a quantized model with its float model op by op, and say what to do");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  command.add_option("QUANT", options->quantized, "The quantized .tflite made from MODEL")
      ->required();
  command
      .add_option("--data", options->data_spec, "Samples to run both models on, best with labels")
      ->required()
      ->type_name("DATA");
  add_debugger(command, options->debugger);
  command
      .add_option("--csv", options->debugger.csv,
                  "Write every op's statistics, with the columns of TensorFlow's "
                  "QuantizationDebugger first")
      ->type_name("FILE");
  command
      .add_option("--samples", options->debugger.samples,
                  "How many samples, of each class its share")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command.add_option("--threads", options->debugger.threads, "Worker threads (all)")
      ->type_name("N");
  const std::string group = "Repair";
  command.add_flag("--fix", options->fix, "Quantize anew with the first cure of each finding")
      ->group(group);
  command
      .add_option("--calibrate", options->calibrate, "Typical samples to quantize with for --fix")
      ->type_name("DATA")
      ->group(group);
  command.add_option("-o,--output", options->out, "File that --fix writes")
      ->type_name("FILE")
      ->group(group);
  add_numerics(command, options->numerics);
  add_preprocessing(command, options->data);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_debug);
}

}  // namespace smelt::cli
