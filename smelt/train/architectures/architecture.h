#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt::train {

struct ArchitectureOptions {
  Shape input;                    ///< of one sample: [H,W,C], [T,I] or [I]
  int32_t classes = 10;           ///< 1: a single sigmoid unit
  double width = 1;               ///< factor on the numbers of filters (MobileNets)
  std::vector<int32_t> strides;   ///< of the layers that shrink images, in order; empty: the usual
  std::vector<int32_t> units;     ///< of the hidden layers (mlp, lstm); empty: the usual
  std::optional<double> dropout;  ///< before the last layer; empty: the usual
  uint64_t seed = 0;
};

/// A built-in network with fresh weights, in training form:
///   mobilenet_v1, mobilenet_v2  Keras's applications for any image, dropout 0.001 or 0.2 before
///                               the last layer; strides 2,2,2,2,2
///   resnet8   image classification of MLPerf Tiny; strides 1,2,2
///   ds_cnn    keyword spotting of MLPerf Tiny ([49,10,1] there), dropout 0.4; stride 2
///   mlp       dense layers with ReLU; units 128
///   lstm      LSTM layers over the rows of an image or sequence; units 128
/// Layers are called as Keras calls them. bad_argument where the options make no sense for the
/// network, naming the flag.
Model make_architecture(std::string_view name, const ArchitectureOptions& options);

/// In the order above.
const std::vector<std::string>& architecture_names();
bool is_architecture(std::string_view name);

}  // namespace smelt::train
