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
void require_known_layers(const ModelSpec& model);

/// Turns a model's structure and weights into a graph.
class Importer : public LayerHost {
 public:
  Importer(const LoadOptions& options, WeightSource& weights, int keras_version)
      : options_(options), weights_(weights), keras_version_(keras_version) {}

  Graph run(const ModelSpec& model) &&;

  TensorId weight(const Layer& layer, const WeightQuery& query, const MakeTensor& make) override;
  std::optional<std::vector<int64_t>> weight_shape(const Layer& layer,
                                                   const WeightQuery& query) override;
  Results call_inner(const Layer& layer, const Json& spec, const Part& part,
                     std::vector<TensorId> inputs) override;

 private:
  /// A model while it runs: where it lies inside of others.
  struct Scope {
    std::string prefix;  ///< in front of layer names: "" or "encoder/"
    LayerPath path;      ///< the layers around it
  };

  TensorId make_input(const LayerSpec& layer, size_t index);
  Shape input_shape(const LayerSpec& layer, size_t index) const;
  std::vector<TensorId> run_model(const ModelSpec& model, const std::vector<TensorId>& inputs,
                                  const Scope& scope);
  std::vector<TensorId> run_layer(const LayerSpec& spec, const Arguments& arguments,
                                  std::vector<TensorId> inputs, const Scope& scope);
  std::vector<TensorId> import_layer(const TableRow& row, Layer& layer);
  TensorId mask_of(TensorId tensor) const;
  TensorId as_float(TensorId input);

  const LoadOptions& options_;
  WeightSource& weights_;
  int keras_version_;
  GraphWriter graph_;
  std::map<std::string, TensorId> constants_;  ///< by path, role and position
  std::map<TensorId, TensorId> floats_;
  std::map<TensorId, TensorId> masks_;
  int depth_ = 0;  ///< of layers inside of layers
};

}  // namespace smelt::keras
