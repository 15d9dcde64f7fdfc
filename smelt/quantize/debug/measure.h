#pragma once

#include <optional>
#include <vector>

#include "smelt/base/progress.h"
#include "smelt/data/dataset.h"
#include "smelt/quantize/debug/layers.h"
#include "smelt/quantize/debug/statistics.h"

namespace smelt {

/// Mean squared errors of one op's result when one cause at a time is at work. Their sum is about
/// the layerwise error.
struct ErrorSplit {
  double weights = 0;     ///< the float op on the stored weights and biases
  double activation = 0;  ///< the float op on operands rounded to their scales
  double clipping = 0;    ///< float results cut to the range of the output's scale
  double rounding = 0;    ///< and then rounded to its steps
};

/// How well a model does its task on some samples.
struct TaskScore {
  int64_t samples = 0;
  int64_t correct = 0;       ///< of labelled samples
  double squared_error = 0;  ///< sum over samples of the mean squared error of output 0 against the
                             ///< float model's
};

/// What was measured of one result of a layer.
struct ResultMeasure {
  ErrorSums same_inputs, layerwise, accumulated;  ///< see LayerReport
  ErrorSplit split;                               ///< sums over samples
  double squares = 0;                             ///< sum over samples of the mean square
  float peak = 0;                                 ///< largest magnitude of the float values
  std::vector<float> channel_peaks;               ///< the same for each index of the last axis
};

struct LayerMeasure {
  std::vector<ResultMeasure> results;  ///< as Layer::results
  TaskScore alone_in_float;            ///< the quantized model with this op as float
};

struct Measurement {
  int64_t samples = 0;
  std::vector<LayerMeasure> layers;
  TaskScore reference, quantized;  ///< of all samples
  TaskScore left_out_base;         ///< the quantized model on the samples of `leave_one_out`
};

struct MeasureOptions {
  int threads = 0;            ///< 0: as many as the machine has
  int64_t leave_one_out = 0;  ///< samples to run each layer's model on; 0: none
  Progress progress = {};
};

/// Runs all samples of the data set through both models, once, and every layer apart. The result
/// does not depend on the number of threads. bad_argument where the data does not fit the models.
Measurement measure(const Comparison& comparison, const Dataset& data,
                    const MeasureOptions& options);

}  // namespace smelt
