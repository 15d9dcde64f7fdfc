#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "smelt/quantize/debug/debug.h"
#include "smelt/quantize/quantize.h"
#include "terminal.h"

namespace smelt::cli {

/// What `smelt debug` and `smelt quantize --debug` share.
struct DebuggerOptions {
  std::string csv, layers;
  int64_t samples = 200;
  int64_t leave_one_out = 200;
  int64_t top = 10;
  int threads = 0;
};

/// --layers, --top and --leave-one-out.
void add_debugger(CLI::App& command, DebuggerOptions& options);
DebugOptions debug_options(const DebuggerOptions& options, Terminal& terminal);

/// Prints the worst layers and the findings, and writes the CSV file where it is asked for.
void report_debugging(const DebugReport& report, const DebuggerOptions& options,
                      Terminal& terminal);

/// A quantized model that is to be made again, better.
struct FixRequest {
  const Model& float_model;  ///< in inference form
  int64_t quantized_bytes = 0;
  const DebugReport& report;  ///< of the quantized model
  DatasetPtr calibration;     ///< may be null where the recipe needs none
  DatasetPtr data;            ///< that the report is of
  QuantizeOptions quantize;   ///< that made the quantized model, or would make one like it
  DebugOptions debug;
};

/// Applies the cures of the report's findings, prints them and what both models do, and describes
/// that in `json`. Nothing where there is nothing to cure, or where the outputs do not come nearer
/// to the float model's.
std::optional<QuantizeResult> fix_model(const FixRequest& request, Terminal& terminal,
                                        nlohmann::json& json);

}  // namespace smelt::cli
