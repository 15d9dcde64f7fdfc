#pragma once

#include <map>
#include <vector>

#include "smelt/train/fake_quant.h"
#include "smelt/train/layers/recurrent.h"

namespace smelt::train {

/// How the weights of a layer are rounded in quantization-aware training.
struct WeightQuant {
  int32_t largest = 127;    ///< weights are symmetric in [-largest, largest]
  bool per_channel = true;  ///< a scale for each output channel, or one for all
};

/// What quantization-aware training rounds in a module: tensors and weights of the graph that is
/// trained. Tensors that share a scale share the FakeQuant.
struct QuantizationMap {
  std::map<TensorId, const FakeQuant*> tensors;
  std::map<OpId, WeightQuant> weights;
  std::map<OpId, RecurrentQuant> recurrent;  ///< inside of recurrent ops
  std::vector<FakeQuant*> quants;            ///< all that `tensors` and `recurrent` point to
  std::vector<Parameter*> ranges;            ///< learned ones; parameters of the module
};

}  // namespace smelt::train
