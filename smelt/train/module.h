#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/train/layer.h"
#include "smelt/train/quantization_map.h"

namespace smelt::train {

struct ModuleOptions {
  int64_t max_samples = 32;  ///< the largest batch
  int threads = 1;
  /// Parameters that stay as they are; none where empty.
  std::function<bool(const Parameter&)> frozen;
  /// Tensors whose gradient the caller may seed besides outputs (features of distillation).
  std::vector<TensorId> features;
  /// Rounds as the integer model will; null: float training. Must outlive the module.
  const QuantizationMap* quantization = nullptr;
};

/// A graph that can be trained: the main graph of a float model, in training form or in that of a
/// .tflite, as layers, values and parameters. The model itself stays as it is until write_back.
class Module {
 public:
  /// unsupported, naming layer and reason, where the graph holds an op that cannot be trained, or
  /// one that mixes samples of a batch.
  Module(const Model& model, const ModuleOptions& options);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Inputs, to be filled by the caller: `data` has room for max_samples samples.
  const std::vector<Value*>& inputs() const;
  const std::vector<Value*>& outputs() const;

  /// What a loss with logits reads: the value in front of the softmax or logistic op that computes
  /// output `i`, or the output itself where there is none. The gradient that a loss leaves must be
  /// that of the value that it read; the op behind it is then left out of backward.
  Value* logits(size_t i) const;

  std::vector<Parameter*> parameters() const;
  std::vector<Statistic*> statistics() const;

  /// Computes all values for step.samples samples.
  void forward(const Step& step);
  /// From the gradients of `seeds`, which the caller filled for all samples of the step, the
  /// gradients of all trainable parameters; these are overwritten. Seeds are outputs, logits, and
  /// the features of the options.
  void backward(const Step& step, const std::vector<Value*>& seeds);

  /// From now on batch normalizations use their running statistics in training, too, and keep them
  /// (true), or those of the batch (false, as at first).
  void freeze_norms(bool frozen);

  /// The value of a tensor of the model; null where the module has none (distillation reads
  /// features through it).
  Value* value(TensorId tensor) const;

  /// The model with parameters and statistics as they are now.
  Model write_back(const Model& model) const;

  struct State;  ///< module_state.h

 private:
  std::unique_ptr<State> state_;
};

}  // namespace smelt::train
