#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/quantize/debug/judge.h"
#include "smelt/quantize/debug/layers.h"
#include "smelt/quantize/debug/measure.h"

namespace smelt {

struct DebugOptions {
  int64_t samples = 200;  ///< chosen from the data set, every class by its share; all where fewer
  uint64_t seed = 0;
  /// Of those, how many each model with one op in float is run on; 0: none.
  int64_t leave_one_out = 200;
  std::string layers;  ///< regular expression, searched in names of layers and results; empty: all
  AlignBy align = AlignBy::structure;
  Numerics numerics = Numerics::reference;
  int threads = 0;  ///< 0: as many as the machine has
  Progress progress = {};
};

struct DebugReport {
  int64_t samples = 0;
  int64_t leave_one_out = 0;  ///< samples that models with one op in float were run on
  std::optional<double> float_accuracy, quantized_accuracy;  ///< where the data has labels
  double output_mse = 0;               ///< mean squared error of output 0 against the float model's
  std::vector<LayerReport> layers;     ///< a quantized op's result each, in execution order
  std::vector<std::string> unmatched;  ///< ops that are not compared, in words
  std::string warning;                 ///< why the figures may mean nothing; mostly empty
};

/// Compares a quantized model with the float model (in inference form) that it was made from, op by
/// op, and says what is wrong and what to do. One pass over the samples; the same result for every
/// number of threads. Ops that are float in both models are not listed. Errors as those of
/// prepare_comparison and measure.
DebugReport debug_quantization(const Model& float_model, const Model& quantized,
                               const DatasetPtr& data, const DebugOptions& options = {});

}  // namespace smelt
