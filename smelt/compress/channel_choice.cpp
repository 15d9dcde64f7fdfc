#include "smelt/compress/channel_choice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "smelt/base/error.h"

namespace smelt::compress {
namespace {

/// Producers whose channels are tied, and their channels in the order in which they appear.
struct Group {
  std::vector<const ChannelProducer*> producers;
  std::vector<int> channels;
};

std::string layer_of(const Graph& graph, const ChannelProducer& producer) {
  const Op& op = graph.op(producer.op);
  return op.origin.empty() ? graph.tensor(op.output()).name : op.origin;
}

std::vector<Group> groups_of(const ChannelMap& map) {
  const auto& producers = map.producers();
  std::vector<size_t> leader(producers.size());
  std::iota(leader.begin(), leader.end(), size_t{0});
  std::map<int, size_t> first;  // the first producer of a channel
  for (size_t p = 0; p < producers.size(); ++p) {
    for (const int channel : producers[p].channels) {
      const size_t other = first.emplace(map.find(channel), p).first->second;
      const size_t from = leader[p], to = leader[other];
      std::replace(leader.begin(), leader.end(), std::max(from, to), std::min(from, to));
    }
  }
  std::map<size_t, Group> groups;
  for (size_t p = 0; p < producers.size(); ++p) {
    groups[leader[p]].producers.push_back(&producers[p]);
  }
  std::vector<Group> result;
  for (auto& [at, group] : groups) {
    std::set<int> seen;
    for (const ChannelProducer* producer : group.producers) {
      for (const int channel : producer->channels) {
        if (seen.insert(map.find(channel)).second) group.channels.push_back(map.find(channel));
      }
    }
    result.push_back(std::move(group));
  }
  return result;
}

/// Norms over the rows of all producers, by channel.
std::map<int, double> weight_norms(const Graph& graph, const ChannelMap& map, ChannelNorm norm) {
  std::map<int, double> norms;
  for (const ChannelProducer& producer : map.producers()) {
    const Tensor& kernel = graph.tensor(graph.op(producer.op).inputs[1]);
    const auto weights = kernel.data.as<float>();
    const size_t columns = weights.size() / producer.channels.size();
    for (size_t row = 0; row < producer.channels.size(); ++row) {
      double& sum = norms[map.find(producer.channels[row])];
      for (size_t i = 0; i < columns; ++i) {
        const double weight = weights[row * columns + i];
        sum += norm == ChannelNorm::l1 ? std::fabs(weight) : weight * weight;
      }
    }
  }
  if (norm == ChannelNorm::l2) {
    for (auto& [channel, sum] : norms) sum = std::sqrt(sum);
  }
  return norms;
}

std::map<int, double> gamma_norms(const Graph& graph, const ChannelMap& map) {
  constexpr size_t kGamma = 1;
  std::map<int, double> norms;
  for (const ChannelSlice& slice : map.slices()) {
    const Op& op = graph.op(slice.op);
    if (op.type != OpType::batch_normalization || slice.operand != kGamma) continue;
    const auto gamma = graph.tensor(op.inputs[kGamma]).data.as<float>();
    for (size_t i = 0; i < slice.channels.size(); ++i) {
      norms[map.find(slice.channels[i])] += std::fabs(gamma[i]);
    }
  }
  return norms;
}

struct Wanted {
  double fraction = 0;
  bool by_name = false;  ///< an override names a layer of the group exactly
};

Wanted wanted_for(const ChannelSettings& settings, const std::vector<std::string>& layers) {
  for (const PruneOverride& entry : settings.overrides) {
    for (const std::string& layer : layers) {
      if (fits_glob(entry.pattern, layer)) return {entry.sparsity, entry.pattern == layer};
    }
  }
  return {settings.fraction, false};
}

/// How many of `channels` go, so that what stays is a multiple (or everything).
int64_t count_to_remove(int64_t channels, double fraction, int64_t multiple) {
  const int64_t kept = channels - pruned_count(channels, fraction);
  return channels - std::min(channels, (kept + multiple - 1) / multiple * multiple);
}

void check(const ChannelSettings& settings) {
  const auto check_fraction = [](double fraction) {
    if (!(fraction >= 0 && fraction < 1)) {
      fail(ErrorKind::bad_argument, "channels: the part to remove is {}; it must be in [0, 1)",
           fraction);
    }
  };
  check_fraction(settings.fraction);
  for (const PruneOverride& entry : settings.overrides) check_fraction(entry.sparsity);
  if (settings.multiple_of < 1) {
    fail(ErrorKind::bad_argument, "channels: multiples of {}; they must be at least 1",
         settings.multiple_of);
  }
}

}  // namespace

ChannelChoice choose_channels(const Graph& graph, const ChannelMap& map,
                              const ChannelSettings& settings) {
  check(settings);
  const std::map<int, double> norms = settings.norm == ChannelNorm::gamma
                                          ? gamma_norms(graph, map)
                                          : weight_norms(graph, map, settings.norm);
  ChannelChoice choice;
  for (const Group& group : groups_of(map)) {
    ChannelGroup described{.channels = static_cast<int64_t>(group.channels.size())};
    for (const ChannelProducer* producer : group.producers) {
      described.layers.push_back(layer_of(graph, *producer));
    }
    std::vector<int> free;
    for (const int channel : group.channels) {
      if (!map.pinned(channel).empty()) {
        described.pinned = map.pinned(channel);
      } else if (norms.contains(channel)) {
        free.push_back(channel);
      }
    }
    if (!free.empty()) described.pinned.clear();
    const Wanted wanted = wanted_for(settings, described.layers);
    if (wanted.by_name && wanted.fraction > 0 && free.empty()) {
      fail(ErrorKind::bad_argument, "layer '{}' cannot lose channels: {}", described.layers.front(),
           described.pinned.empty() ? "it meets no normalization" : described.pinned);
    }
    const int64_t remove =
        std::min(count_to_remove(described.channels, wanted.fraction, settings.multiple_of),
                 static_cast<int64_t>(free.size()));
    std::reverse(free.begin(), free.end());
    std::stable_sort(free.begin(), free.end(),
                     [&](int a, int b) { return norms.at(a) < norms.at(b); });
    choice.removed.insert(free.begin(), free.begin() + remove);
    described.removed = remove;
    choice.groups.push_back(std::move(described));
  }
  if (choice.removed.empty()) {
    const bool none = choice.groups.empty();
    fail(ErrorKind::bad_argument, "no channel of the model can be removed: {}",
         none ? "it has no convolution or dense layer of float32 weights"
         : choice.groups[0].pinned.empty() ? "the part to remove is too small"
                                           : choice.groups[0].pinned);
  }
  return choice;
}

}  // namespace smelt::compress
