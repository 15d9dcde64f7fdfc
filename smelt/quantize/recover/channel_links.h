#pragma once

#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Two layers with constant weights, of which the second alone reads the first, channel by channel.
struct ChannelLink {
  OpId first, second;
  int64_t channels = 0;  ///< of the first one's result
  TensorId result;       ///< of the first one, behind its fused activation
  float ceiling = 0;     ///< 6 where that is RELU6; 0: values may grow
  bool shifts = false;   ///< what is added to a channel arrives at the second as it is
};

/// All links of a graph in inference form (see equalize for what may stand in between).
std::vector<ChannelLink> channel_links(const Graph& graph);

/// For each weight of an op, by position in its constant: which channel of the result it makes, or
/// which of `channels` channels of the operand it multiplies.
std::vector<int32_t> result_channels(const Graph& graph, const Op& op);
std::vector<int32_t> operand_channels(const Graph& graph, const Op& op, int64_t channels);

}  // namespace smelt
