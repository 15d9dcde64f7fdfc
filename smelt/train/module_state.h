#pragma once

#include <map>

#include "smelt/kernels/gemm.h"
#include "smelt/train/module.h"

namespace smelt::train {

/// A layer and what its backward pass needs to know of the graph.
struct LayerSlot {
  std::unique_ptr<Layer> layer;
  std::vector<Value*> outputs;
  /// Values to whose gradient this layer writes first, before any other adds to it.
  std::vector<Value*> first_written;
};

/// A value whose gradient the caller may seed: its gradient is kept aside until the layers that
/// read the value have run backward.
struct Seed {
  Value* value = nullptr;
  std::vector<float> gradient;
};

struct Module::State {
  ModuleOptions options;
  Model model;  ///< prepared: shapes inferred, constants folded
  bool norms_frozen = false;
  std::vector<std::unique_ptr<Value>> values;
  std::vector<std::unique_ptr<Parameter>> parameters;
  std::vector<std::unique_ptr<Statistic>> statistics;
  std::map<TensorId, Value*> value_of;
  std::map<TensorId, Parameter*> parameter_of;
  std::map<TensorId, Statistic*> statistic_of;
  std::vector<Value*> inputs, outputs, logits;
  std::vector<LayerSlot> layers;  ///< in execution order
  std::vector<Seed> seeds;
  std::vector<AlignedArray<float>> memory;  ///< of values
  AlignedArray<float> gradients;
};

}  // namespace smelt::train
