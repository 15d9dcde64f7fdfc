#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "smelt/ir/graph.h"
#include "smelt/train/workers.h"

namespace smelt::train {

// What a training step is made of. A module (module.h) holds the values of one batch and the
// layers that compute them, forward and backward; batches are the leading axis of every value.

/// A tensor while training: one behind the other, for each sample of the batch, `size` float values
/// of the shape that a batch of one has. Integers (class and token numbers) are held as floats.
struct Value {
  std::string name;
  TensorId tensor;   ///< of the graph that is trained
  Shape shape;       ///< for one sample; its leading axis counts what one sample contributes
  int64_t size = 0;  ///< shape.elements()
  bool needs_grad = false;
  float* data = nullptr;
  float* grad = nullptr;  ///< d loss / d data; null where needs_grad is false

  float* sample(int64_t n) { return data + n * size; }
  const float* sample(int64_t n) const { return data + n * size; }
  float* sample_grad(int64_t n) { return grad + n * size; }
};

/// What a parameter is: weight decay, pruning, clustering and learning rates ask for it.
enum class ParameterKind {
  kernel,  ///< weights of convolutions, dense and recurrent layers
  bias,
  scale,      ///< gamma of a normalization, slopes of PRELU
  offset,     ///< beta of a normalization
  embedding,  ///< rows of a table
  range,      ///< [low, high] of a fake-quantized activation
};

/// A constant of the graph that training may change.
struct Parameter {
  std::string name;   ///< "conv1/kernel"
  std::string layer;  ///< origin in the source model
  TensorId tensor;    ///< none for ranges
  ParameterKind kind = ParameterKind::kernel;
  Shape shape;  ///< as in the graph: OHWI kernels
  bool trainable = true;
  std::vector<float> data;
  std::vector<float> grad;  ///< empty where not trainable

  int64_t size() const { return static_cast<int64_t>(data.size()); }
};

/// What a layer reads: a value, or a parameter or constant, which is the same for all samples.
struct Operand {
  Value* value = nullptr;
  Parameter* parameter = nullptr;
  /// backward adds to the gradient where this is set, and overwrites it otherwise: the first layer
  /// (in backward order) that writes a gradient finds nothing in it.
  bool accumulate = false;

  explicit operator bool() const { return value != nullptr || parameter != nullptr; }
  bool shared() const { return value == nullptr; }
  const Shape& shape() const { return value != nullptr ? value->shape : parameter->shape; }
  /// Values of one sample; of the whole parameter.
  int64_t size() const { return value != nullptr ? value->size : parameter->size(); }
  const float* data() const { return value != nullptr ? value->data : parameter->data.data(); }
  const float* sample(int64_t n) const { return value != nullptr ? value->sample(n) : data(); }
  bool needs_grad() const {
    return value != nullptr ? value->needs_grad : !parameter->grad.empty();
  }
  /// Null where no gradient is wanted.
  float* grad() const {
    if (!needs_grad()) return nullptr;
    return value != nullptr ? value->grad : parameter->grad.data();
  }
};

/// What training changes besides parameters, without a gradient: running mean and variance.
struct Statistic {
  std::string name;
  TensorId tensor;
  std::vector<float> data;
};

/// One pass over a batch.
struct Step {
  int64_t samples = 0;   ///< in this batch, at most the module's
  bool training = true;  ///< dropout and batch statistics; false: as at inference
  uint64_t seed = 0;     ///< of what is random in this step (dropout)
  Workers* workers = nullptr;
};

/// A piece of the module: computes its outputs, and afterwards, from the gradients of its outputs,
/// those of its operands. backward runs after forward on the same step; it may use what forward
/// left in the layer and in the values. Results depend on nothing but values, parameters and step:
/// sums over samples are made of a fixed number of partial sums, whatever the number of threads.
class Layer {
 public:
  explicit Layer(std::string name) : name_(std::move(name)) {}
  virtual ~Layer() = default;
  const std::string& name() const { return name_; }

  virtual void forward(const Step& step) = 0;
  virtual void backward(const Step& step) = 0;

 private:
  std::string name_;  ///< "op 3 CONV_2D (layer conv1)"
};

/// What a layer is made of, given to its factory by the module.
struct LayerArguments {
  const Graph& graph;
  const Op& op;
  std::string name;  ///< see Layer::name
  /// In the op's order; empty where absent, an integer constant (read it from the graph), or a
  /// running statistic.
  std::vector<Operand> inputs;
  std::vector<Statistic*> statistics;  ///< by operand, null for all others (BATCH_NORMALIZATION)
  std::vector<Value*> outputs;         ///< null where nothing reads one
  int64_t max_samples = 0;
  int threads = 1;

  /// Operand i, or an empty one.
  Operand input(size_t i) const { return i < inputs.size() ? inputs[i] : Operand{}; }
};

/// Makes the layer of an op; unsupported, with the reason, where this form cannot be trained.
using LayerFactory = std::unique_ptr<Layer> (*)(LayerArguments arguments);

/// The factory of an op type, null where it cannot be trained.
LayerFactory layer_factory(OpType type);

/// Partial sums of a reduction over samples: few enough to add up quickly, enough for the threads
/// of one machine, and the same everywhere.
constexpr int64_t kPartials = 8;

}  // namespace smelt::train
