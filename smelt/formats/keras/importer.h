#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/formats/common/graph_writer.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/formats/keras/layer.h"
#include "smelt/formats/keras/structure.h"

namespace smelt::keras {

/// The graph of a model whose parsed configuration and weights are at hand, open axes included.
/// `config` is {"class_name": ..., "config": ...} as Keras 2 and later write it.
Graph import_graph(const Json& config, WeightSource& weights, int keras_version,
                   const LoadOptions& options);

/// Turns a model's structure and weights into a graph.
class Importer : public LayerHost {
 public:
  /// `open_size` is what axes get that neither the file nor the options fix; 0: they are an error.
  Importer(const LoadOptions& options, WeightSource& weights, int keras_version, int32_t open_size)
      : options_(options),
        weights_(weights),
        keras_version_(keras_version),
        open_size_(open_size) {}

  Graph run(const ModelSpec& model) &&;

  /// True where an input has axes that were given `open_size`.
  bool has_open_axes() const { return has_open_axes_; }

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
  Shape input_shape(const LayerSpec& layer, size_t index);
  std::vector<TensorId> run_model(const ModelSpec& model, const std::vector<TensorId>& inputs,
                                  const Scope& scope);
  std::vector<TensorId> run_layer(const LayerSpec& spec, const Arguments& arguments,
                                  std::vector<TensorId> inputs, const Scope& scope);
  const TableRow* find_row(std::string_view class_name) const;
  std::vector<TensorId> import_layer(const TableRow& row, Layer& layer);
  TensorId mask_of(TensorId tensor) const;
  TensorId as_float(TensorId input);

  const LoadOptions& options_;
  WeightSource& weights_;
  int keras_version_;
  int32_t open_size_;
  bool has_open_axes_ = false;
  GraphWriter graph_;
  std::map<std::string, TensorId> constants_;  ///< by path, role and position
  std::map<TensorId, TensorId> floats_;
  std::map<TensorId, TensorId> masks_;
  int depth_ = 0;  ///< of layers inside of layers
};

}  // namespace smelt::keras
