#include "debugging.h"

#include "comparison.h"
#include "smelt/base/file.h"
#include "smelt/eval/summary.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/debug/fix.h"
#include "smelt/report/debug.h"
#include "smelt/report/json.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

std::string percent(const std::optional<double>& share) {
  return share ? format_percent(*share) : "";
}

/// Both models on the same samples.
std::string fix_table(const DebugReport& before, int64_t bytes_before, const DebugReport& after,
                      int64_t bytes_after) {
  Table table({"model", "bytes", "accuracy", "output MSE"});
  const auto add = [&](const char* name, int64_t bytes, const DebugReport& report) {
    table.add({name, format_count(bytes), percent(report.quantized_accuracy),
               fmt::format("{:.3g}", report.output_mse)});
  };
  if (before.float_accuracy) table.add({"float", "", percent(before.float_accuracy), "0"});
  add("quantized", bytes_before, before);
  add("fixed", bytes_after, after);
  return table.text();
}

nlohmann::json score(const DebugReport& report, int64_t bytes) {
  return {{"bytes", bytes},
          {"accuracy", or_null(report.quantized_accuracy)},
          {"output_mse", report.output_mse}};
}

}  // namespace

void add_debugger(CLI::App& command, DebuggerOptions& options) {
  const std::string group = "Debugger";
  command
      .add_option("--layers", options.layers,
                  "Only ops whose layer or result has a name that this expression is found in")
      ->type_name("REGEX")
      ->group(group);
  command.add_option("--top", options.top, "Lines of the table, the worst layers first; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(group);
  command
      .add_option("--leave-one-out", options.leave_one_out,
                  "Run each op's model with that op alone in float on so many of the samples; "
                  "0: none")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->group(group);
}

DebugOptions debug_options(const DebuggerOptions& options, Terminal& terminal) {
  return {.samples = options.samples,
          .leave_one_out = options.leave_one_out,
          .layers = options.layers,
          .threads = options.threads,
          .progress = terminal.progress()};
}

void report_debugging(const DebugReport& report, const DebuggerOptions& options,
                      Terminal& terminal) {
  terminal.print("{} quantized results on {} samples", report.layers.size(), report.samples);
  if (report.quantized_accuracy) {
    terminal.print(": accuracy {}, float {}", percent(report.quantized_accuracy),
                   percent(report.float_accuracy));
  }
  terminal.print("; output MSE {:.3g}\n{}\n{}", report.output_mse,
                 debug_table(report, static_cast<size_t>(options.top), terminal_width()),
                 debug_findings(report));
  if (options.csv.empty()) return;
  const std::string csv = debug_csv(report);
  write_file(options.csv, as_bytes(std::string_view(csv)));
}

std::optional<QuantizeResult> fix_model(const FixRequest& request, Terminal& terminal,
                                        nlohmann::json& json) {
  const bool samples = request.calibration != nullptr;
  const Fix fix = fix_findings(request.quantize.recipe, request.report,
                               {.equalize = samples, .correct_biases = samples});
  json["applied"] = fix.applied;
  if (fix.applied.empty()) {
    terminal.print("nothing to fix\n");
    return std::nullopt;
  }
  for (const std::string& cure : fix.applied) terminal.print("fixed {}\n", cure);
  QuantizeOptions options = request.quantize;
  options.recipe = fix.recipe;
  options.recover.equalize |= fix.equalize;
  options.recover.bias |= fix.correct_biases;
  options.calibrate.histograms = true;  // a cure may ask for another part of a range
  QuantizeResult fixed = quantize(request.float_model, request.calibration, options);
  const int64_t bytes = tflite::file_bytes(fixed.model);
  DebugOptions how = request.debug;
  how.leave_one_out = 0;
  how.align = AlignBy::ids;
  const DebugReport after = debug_quantization(fixed.float_model, fixed.model, request.data, how);
  terminal.print("{}", fix_table(request.report, request.quantized_bytes, after, bytes));
  json["before"] = score(request.report, request.quantized_bytes);
  json["after"] = score(after, bytes);
  json["kept"] = after.output_mse < request.report.output_mse;
  if (json["kept"]) return fixed;
  terminal.print("the cures do not bring it nearer to the float model; they are not kept\n");
  return std::nullopt;
}

}  // namespace smelt::cli
