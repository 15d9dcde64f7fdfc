#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/formats/common/graph_writer.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/formats/keras/layer.h"
#include "smelt/formats/keras/structure.h"

namespace smelt::keras {

/// unsupported, naming layers and classes, where a model holds layers that Smelt does not import.
void require_known_layers(const Json& model);

/// Turns a model's structure and weights into a graph.
class Importer {
 public:
  Importer(const LoadOptions& options, WeightStore weights, int keras_version)
      : options_(options), weights_(std::move(weights)), keras_version_(keras_version) {}

  Graph run(const ModelSpec& model) &&;

 private:
  /// A model while it runs: where it lies inside of others.
  struct Scope {
    std::string prefix;       ///< in front of layer names: "" or "encoder/"
    std::string outer_layer;  ///< the layer of the outermost model, empty in that model itself
  };

  TensorId make_input(const LayerSpec& layer, size_t index);
  Shape input_shape(const LayerSpec& layer, size_t index) const;
  std::vector<TensorId> run_model(const ModelSpec& model, const std::vector<TensorId>& inputs,
                                  const Scope& scope);
  std::vector<TensorId> run_layer(const LayerSpec& spec, std::vector<TensorId> inputs,
                                  const Scope& scope);
  TensorId import_weight(const LayerSpec& spec, const Scope& scope, LayerWeights::Query query,
                         const Layer::MakeTensor& make);
  TensorId as_float(TensorId input);

  const LoadOptions& options_;
  WeightStore weights_;
  int keras_version_;
  GraphWriter graph_;
  std::map<std::pair<const LayerSpec*, std::string>, TensorId> constants_;
  std::map<TensorId, TensorId> floats_;
};

}  // namespace smelt::keras
