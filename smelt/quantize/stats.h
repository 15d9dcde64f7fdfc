#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "smelt/ir/ids.h"
#include "smelt/quantize/histogram.h"
#include "smelt/quantize/range.h"

namespace smelt {

/// What calibration saw of one tensor.
struct TensorStats {
  int64_t count = 0;  ///< values seen; 0: never reached
  float min = 0;
  float max = 0;
  Histogram histogram;  ///< of evenly spaced values, see calibrate; empty where not asked for
  /// Range in each sample, in the order of samples; empty where never reached.
  std::vector<Range> by_sample;
  /// Of each channel (last axis), of tensors of rank 2 and more; empty where not asked for.
  std::vector<Range> by_channel;
  /// Of inputs of rank 3 and more: how values next to each other along the last but one axis
  /// correlate in each sample, from -1 to 1; 0 where all are the same.
  std::vector<float> correlation;
};

/// By tensor of the float model's main graph: its float inputs and all float results; states and
/// intermediates of recurrent ops (see RecurrentObserver).
struct Stats {
  int64_t samples = 0;
  std::map<TensorId, TensorStats> tensors;
};

}  // namespace smelt
