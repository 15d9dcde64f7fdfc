#pragma once

#include <memory>
#include <vector>

#include "smelt/quantize/quantize.h"
#include "smelt/train/quantization_map.h"

namespace smelt::train {

/// Quantization-aware training: what the plan of a recipe does to a model in inference form, seen
/// from the graph that is trained. Passes keep the ids of the tensors that survive them, so that a
/// tensor of the plan is rounded in training where it has the same id in both. Batch normalization
/// is folded into weights before these are rounded, as in the integer model (see BlockWeights).
///
/// Ranges start as calibration finds them and are learned from then on; fixed scales (softmax,
/// logistic, tanh) and ties of the plan stay.
class QuantizationAware {
 public:
  /// `model` as it is trained. Errors are those of quantize.
  QuantizationAware(const Model& model, DatasetPtr data, QuantizeOptions options);

  /// For ModuleOptions::quantization; lives as long as this.
  const QuantizationMap& map() const { return map_; }

  /// Sets all learned ranges to what calibration finds with the parameters of `model`.
  void recalibrate(const Model& model);

  /// The integer model of trained parameters: its scales are those of training. Tensors that
  /// training does not see (steps of recurrent layers that are unrolled) are calibrated.
  Model quantized(const Model& trained) const;

 private:
  /// A scale of the plan and all tensors that have it.
  struct Domain {
    FakeQuant quant;
    std::unique_ptr<Parameter> range;  ///< null where the scale is fixed
    std::vector<TensorId> tensors;     ///< of the inference form
  };
  struct Prepared {
    Model inference;
    Stats stats;
    QuantPlan plan;
  };
  Prepared prepare(const Model& model) const;
  void add_domains(const Graph& trained, const Prepared& prepared);
  void add_weights(const Graph& trained, const Prepared& prepared);
  void add_recurrent(const Graph& trained, const Prepared& prepared);
  Domain* domain_of(TensorId tensor);

  DatasetPtr data_;
  QuantizeOptions options_;
  std::vector<std::unique_ptr<Domain>> domains_;
  QuantizationMap map_;
};

}  // namespace smelt::train
