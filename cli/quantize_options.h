#pragma once

#include <optional>
#include <string>

#include "command.h"
#include "comparison.h"
#include "debugging.h"
#include "model_options.h"
#include "smelt/quantize/quantize.h"

namespace smelt::cli {

/// What `smelt quantize` is told.
struct QuantizeCommand {
  CommonOptions common;
  ModelOptions model;
  DataOptions data;
  CriteriaOptions criteria;
  DebuggerOptions debugger;
  std::string calibrate, evaluate, io, out, numerics;
  std::string scheme, recipe, plan, save_plan;
  std::string ranges, weight_range;  ///< empty: as the recipe has them
  std::string recover = "none";
  double percentile = 0;  ///< 0: likewise
  int64_t samples = 0;    ///< 0: as the recipe has it, or 200
  uint64_t seed = 0;
  int threads = 0;
  bool per_channel_dense = false;
  bool dry_run = false;
  bool debug = false, fix = false;
};

void add_quantize_options(CLI::App& command, QuantizeCommand& options);

/// bad_argument where flags contradict each other or one is missing.
void check_options(const QuantizeCommand& options);

/// What the flags ask for: the recipe of --scheme or --recipe with what the others change.
QuantizeOptions quantize_options(const QuantizeCommand& options, Terminal& terminal);

/// The calibration data; null where the recipe needs none.
DatasetPtr calibration_data(const QuantizeCommand& options, const Recipe& recipe);

}  // namespace smelt::cli
