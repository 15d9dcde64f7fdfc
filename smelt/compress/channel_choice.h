#pragma once

#include <set>
#include <vector>

#include "smelt/compress/channel_map.h"
#include "smelt/compress/channels.h"

namespace smelt::compress {

struct ChannelChoice {
  std::vector<ChannelGroup> groups;
  std::set<int> removed;  ///< numbers of ChannelMap::find
};

/// See remove_channels.
ChannelChoice choose_channels(const Graph& graph, const ChannelMap& map,
                              const ChannelSettings& settings);

}  // namespace smelt::compress
