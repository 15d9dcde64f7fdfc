#pragma once

#include <map>
#include <vector>

#include "smelt/data/dataset.h"
#include "smelt/ir/model.h"

namespace smelt {

/// What samples showed of one channel (an index of the last axis) of a tensor.
struct ChannelStats {
  float min = 0, max = 0;
  double mean = 0, sigma = 0;
};

/// Runs the float model on every sample of the data set. By tensor and channel; the result does not
/// depend on the number of threads.
std::map<TensorId, std::vector<ChannelStats>> channel_stats(const Model& model,
                                                            const std::vector<TensorId>& tensors,
                                                            const Dataset& data, int threads);

}  // namespace smelt
