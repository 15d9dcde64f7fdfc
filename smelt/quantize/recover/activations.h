#pragma once

#include <map>
#include <vector>

#include "smelt/quantize/plan.h"

namespace smelt {

/// The values of some tensors for every sample, as a model stores them. Layer by layer, those that
/// are still read are kept.
class Activations {
 public:
  explicit Activations(int64_t samples) : samples_(samples) {}

  int64_t samples() const { return samples_; }

  /// Room for a tensor that takes `size` bytes per sample.
  void reserve(TensorId id, size_t size) {
    sizes_[id] = size;
    values_[id].resize(size * static_cast<size_t>(samples_));
  }
  std::span<uint8_t> sample(TensorId id, int64_t index) {
    return std::span(values_.at(id))
        .subspan(static_cast<size_t>(index) * sizes_.at(id), sizes_.at(id));
  }
  std::span<const uint8_t> sample(TensorId id, int64_t index) const {
    return std::span(values_.at(id))
        .subspan(static_cast<size_t>(index) * sizes_.at(id), sizes_.at(id));
  }
  void drop(TensorId id) { values_.erase(id), sizes_.erase(id); }

 private:
  int64_t samples_;
  std::map<TensorId, size_t> sizes_;
  std::map<TensorId, std::vector<uint8_t>> values_;
};

/// The model of one op of the main graph: its computed operands are the inputs, its results the
/// outputs, all under the ids that they have in `model`.
Model cut_out(const Model& model, OpId op);

/// What the plan says of that op. Inputs and outputs are stored as they are between layers.
QuantPlan plan_for(const QuantPlan& plan, const Graph& one_op);

/// The form in which the plan stores a tensor of the graph between layers.
Tensor form_in(const QuantPlan& plan, const Graph& graph, TensorId id);

/// Runs a model that cut_out gave (or a quantized form of it) on every sample; its inputs must be
/// there.
void run_op(const Model& one_op, Activations& activations, int threads);

/// Dequantized values of one sample, of a tensor stored as `form` says.
void load_sample(const Activations& activations, const Tensor& form, int64_t sample, TensorId id,
                 std::vector<float>& values);

}  // namespace smelt
