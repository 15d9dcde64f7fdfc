#pragma once

#include <string>
#include <vector>

#include "smelt/compress/pruning.h"
#include "smelt/ir/model.h"

namespace smelt::compress {

// Structured pruning: whole output channels of convolutions and dense layers go, with everything
// that is tied to them, and the graph becomes smaller (Li et al. 2017, "Pruning Filters for
// Efficient ConvNets"; gammas: Liu et al. 2017, "Network Slimming").

/// What a channel counts; of channels that are tied (a residual sum), the norm over all their rows.
enum class ChannelNorm {
  l1,     ///< sum of the magnitudes of its weights
  l2,     ///< root of the sum of their squares
  gamma,  ///< sum of |gamma| of the normalizations that it meets; without any it is never chosen
};

struct ChannelSettings {
  double fraction = 0.5;  ///< of the channels of each group that may go, in [0, 1)
  ChannelNorm norm = ChannelNorm::l2;
  int multiple_of = 1;  ///< the number that stays is rounded up to a multiple (8: for vector code)
  /// Other fractions for groups by the names of their layers (0: left alone). bad_argument, with
  /// the reason, where a layer that is asked for by its exact name cannot lose channels.
  std::vector<PruneOverride> overrides;
};

/// Layers whose channels are tied one by one.
struct ChannelGroup {
  std::vector<std::string> layers;
  int64_t channels = 0;
  int64_t removed = 0;
  std::string pinned;  ///< why no channel may go; empty otherwise
};

struct ShrunkModel {
  Model model;
  std::vector<ChannelGroup> groups;  ///< in execution order
};

/// The model without the channels of the smallest norm (of equal ones the last go first):
/// kernels' rows, biases, normalizations and their statistics, depthwise kernels behind them, the
/// columns of all readers, also through concatenations, sums and flattening. What it computes is
/// exactly zero_channels(model, settings), up to the order of float sums. The main graph may be in
/// training form or in that of a .tflite, with float32 weights. bad_argument where nothing can go.
ShrunkModel remove_channels(const Model& model, const ChannelSettings& settings);

/// The same choice, with zeros in place of everything that would be removed: fine-tuning in this
/// form and shrinking afterwards is the same as shrinking first.
ShrunkModel zero_channels(const Model& model, const ChannelSettings& settings);

}  // namespace smelt::compress
