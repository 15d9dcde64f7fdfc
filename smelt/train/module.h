#pragma once

#include <memory>
#include <string>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// What training changes besides parameters, without a gradient: running mean and variance.
struct Statistic {
  std::string name;
  TensorId tensor;
  std::vector<float> data;
};

struct ModuleOptions {
  int64_t max_samples = 32;  ///< the largest batch
  int threads = 1;
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
  /// From the gradients of `seeds`, which the caller filled (outputs or logits, each for all
  /// samples of the step), the gradients of all trainable parameters; these are overwritten.
  void backward(const Step& step, const std::vector<Value*>& seeds);

  /// The value of a tensor of the model; null where the module has none (distillation reads
  /// features through it).
  Value* value(TensorId tensor) const;

  /// The model with parameters and statistics as they are now.
  Model write_back(const Model& model) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace smelt::train
