#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/eval/evaluate.h"
#include "smelt/eval/paired.h"
#include "smelt/quantize/quantize.h"
#include "smelt/shrink/ladder.h"
#include "smelt/shrink/micro_support.h"

namespace smelt {

/// What a small model may take and lose.
struct Budget {
  std::optional<int64_t> flash;  ///< bytes of the .tflite
  std::optional<int64_t> ram;    ///< bytes of TFLite Micro's arena on a 32-bit microcontroller
  /// Loss of accuracy in points / 100; without labels, the relative rise of the loss (0.01: 1 %).
  double max_drop = 0.01;
};

enum class Limit { flash, ram, drop, target };
std::string_view name(Limit limit);

/// One rung that was tried.
struct Attempt {
  Rung rung;
  int64_t bytes = 0;
  std::optional<int64_t> arena;            ///< nothing where TFLite Micro cannot hold the model
  std::vector<std::string> unsupported;    ///< what the target cannot run
  std::optional<Evaluation> evaluation;    ///< nothing where a budget was missed before
  double drop = 0;                         ///< as Budget::max_drop, where evaluated
  std::optional<PairedComparison> paired;  ///< against float, where the data has labels
  std::vector<Limit> missed;
  bool pareto = false;  ///< evaluated, and none is both smaller and as accurate
};

struct ShrinkOptions {
  Budget budget;
  Target target = Target::litert;
  CalibrateOptions calibrate;
  std::optional<IoType> io;  ///< of the inputs and outputs; the scheme's own where absent
  PipelineOptions pipeline;
  int threads = 0;
  Progress progress = {};
};

struct ShrinkResult {
  Model float_model;
  int64_t float_bytes = 0;
  Evaluation baseline;  ///< of the float model
  std::vector<Attempt>
      attempts;  ///< from the smallest file up; those behind the chosen one were not tried
  std::optional<size_t> chosen;  ///< the first that meets everything
  size_t closest = 0;            ///< otherwise: the one that misses least
  QuantizeResult quantized;      ///< the chosen one, or the closest
  MicroSupport micro;            ///< of that model
};

/// Tries the ladder of the target, and mixes of int4 and int8 weights, from the smallest file up,
/// until one meets the budget and loses no more than allowed on `data`. Sizes, arena and the
/// target's ops are checked before anything is evaluated. Where nothing meets all limits, `closest`
/// is the rung with the fewest missed limits, of these the most accurate.
/// The float model is calibrated once. Errors are those of quantize and evaluate.
ShrinkResult shrink(Model model, const DatasetPtr& calibration, const Dataset& data,
                    const ShrinkOptions& options);

}  // namespace smelt
