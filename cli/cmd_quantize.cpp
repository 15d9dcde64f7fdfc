#include "plan_table.h"
#include "quantize_options.h"
#include "recovery_report.h"
#include "smelt/data/preprocess.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/plan_file.h"
#include "smelt/report/debug.h"
#include "smelt/report/json.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

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
                           .quantized_bytes = tflite::file_bytes(result.model),
                           .report = report,
                           .calibration = calibration,
                           .data = data,
                           .quantize = how,
                           .debug = debug};
  if (std::optional<QuantizeResult> fixed = fix_model(request, terminal, json["fix"])) {
    fixed->unrolled = std::move(result.unrolled);
    result = std::move(*fixed);
  }
  return json;
}

Range limits_of(ValueRange range) {
  switch (range) {
    case ValueRange::zero_to_255:
      return {0, 255};
    case ValueRange::zero_to_1:
      return {0, 1};
    case ValueRange::minus_1_to_1:
      return {-1, 1};
  }
  return {};
}

/// Judges the calibration data and says what is likely wrong with it.
void report_data(const QuantizeCommand& options, const QuantizeResult& result, Terminal& terminal,
                 nlohmann::json& json) {
  if (result.stats.samples == 0) return;
  CalibrationContext context{.trained = result.trained};
  const DataOptions& data = options.data;
  if (!data.range.empty() && data.mean.empty() && data.std.empty()) {
    context.declared_range = limits_of(parse_value_range(data.range));
  }
  if (!options.evaluate.empty()) {
    context.evaluated =
        input_stats(result.float_model, open_data(options.evaluate, data), result.stats.samples);
  }
  const CalibrationReport report = report_calibration(result.float_model, result.stats, context);
  for (const CalibrationWarning& warning : report.warnings) {
    if (warning.urgent) terminal.print("warning: {}\n", warning.text);
  }
  json["calibration"] = to_json(report);
}

/// Writes the model and says how large it is. Returns the exit code.
int write_model(const QuantizeCommand& options, const QuantizeResult& result, Terminal& terminal,
                nlohmann::json& json) {
  const Recipe& recipe = result.plan.recipe;
  const int64_t out_bytes = tflite::save(result.model, options.out, {.source_metadata = false});
  const int64_t float_bytes = tflite::file_bytes(result.float_model);
  const int64_t source_bytes = result.float_model.source.file_bytes;
  terminal.print("{} -> {} ({}{})\n", options.model.path, options.out, recipe.name,
                 result.stats.samples > 0
                     ? fmt::format(", calibrated on {} samples", result.stats.samples)
                     : "");
  for (const UnrolledLayer& layer : result.unrolled) {
    terminal.print("{}: {} steps unrolled into {} ops (loops stay in float)\n", layer.layer,
                   layer.steps, layer.ops);
  }
  terminal.print("{}", size_line(source_bytes, float_bytes, out_bytes));
  terminal.print("{}", recovery_table(result.recovery));
  json["float_tflite_bytes"] = float_bytes;
  json["output"] = options.out;
  json["output_bytes"] = out_bytes;
  const Criteria criteria = parse_criteria(options.criteria);
  if (!options.evaluate.empty()) {
    return evaluate_both(options, criteria, recipe, result.float_model, float_bytes, terminal,
                         json);
  }
  const Measured small{.bytes = out_bytes};
  return report_verdicts(judge(criteria, source_bytes, {}, small), terminal, json);
}

int run_quantize(const QuantizeCommand& options, Terminal& terminal) {
  check_options(options);
  if (parse_criteria(options.criteria).max_drop && options.evaluate.empty()) {
    fail(ErrorKind::bad_argument, "--max-drop needs --evaluate DATA");
  }
  const QuantizeOptions how = quantize_options(options, terminal);
  const DatasetPtr data = options.plan.empty() ? calibration_data(options, how.recipe) : nullptr;
  QuantizeResult result = options.plan.empty() ? quantize(load_model(options.model), data, how)
                                               : quantize_by_plan(load_model(options.model),
                                                                  options.plan, how.pipeline);
  nlohmann::json debugged;
  if (options.debug) debugged = debug_result(options, how, data, result, terminal);
  const Recipe& recipe = result.plan.recipe;
  nlohmann::json json = {{"input", options.model.path},
                         {"input_bytes", result.float_model.source.file_bytes},
                         {"scheme", recipe.name},
                         {"calibration_samples", result.stats.samples},
                         {"calibration_method", name(recipe.base.ranges)},
                         {"io", name(recipe.io)}};
  if (!result.recovery.empty()) json["recovery"] = recovery_json(result.recovery);
  if (options.debug) json["debug"] = std::move(debugged);
  if (!options.save_plan.empty()) {
    save_plan(result.plan, result.float_model, options.save_plan, &result.unrecovered);
  }
  if (options.dry_run) terminal.print("{}", plan_table(result.plan, result.float_model));
  report_data(options, result, terminal, json);
  const int code = options.dry_run ? kDone : write_model(options, result, terminal, json);
  write_json(options.common, json);
  return code;
}

}  // namespace

void add_quantize(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<QuantizeCommand>();
  CLI::App& command = *app.add_subcommand(
      "quantize", "Write a model as .tflite of smaller numbers, by default int8");
  add_quantize_options(command, *options);
  on_chosen(command, options, chosen, run_quantize);
}

}  // namespace smelt::cli
