#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

/// Appends what layers compute to a graph; tensors and ops get the layer that is being imported as
/// their origin. Shapes passed in have the batch axis in front, of size 1.
class GraphWriter {
 public:
  /// Starts a call of layer `name`; the second call of a layer is told apart in tensor names.
  void begin_layer(const std::string& name);
  /// Ends it: the results that this call has computed get the layer's name, ":1", ":2" ... behind
  /// it from the second on.
  void end_layer(std::span<const TensorId> results);

  /// The layer whose ops are being written, for going back to it behind layers inside of it.
  struct LayerNames {
    std::string origin;     ///< the layer
    std::string call_name;  ///< the layer and the number of its call
    int32_t first_new_tensor = 0;
  };
  const LayerNames& layer() const { return layer_; }
  void set_layer(LayerNames layer) { layer_ = std::move(layer); }

  TensorId input(const std::string& name, DataType type, Shape shape);

  /// An op with one result. unsupported where the result is absurdly large.
  TensorId op(OpType type, std::vector<TensorId> inputs, Attributes attributes, Shape shape,
              DataType out_type = DataType::float32);

  /// The same for ops with several results, one for each shape and type.
  std::vector<TensorId> results(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                                std::span<const Shape> shapes, std::span<const DataType> types);

  /// The same for element-wise ops without attributes: the result has the first input's shape.
  TensorId unary(OpType type, TensorId x);
  /// Broadcasts; the attributes are the defaults of the op.
  TensorId binary(OpType type, TensorId x, TensorId y);
  TensorId binary(OpType type, TensorId x, float y) { return binary(type, x, scalar(y)); }

  TensorId scalar(float value);
  TensorId ints(const std::string& role, const std::vector<int32_t>& values, Shape shape);
  /// Any other constant; its name gets a number where it is taken.
  TensorId constant(Tensor tensor);

  const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
  DataType type(TensorId id) const { return graph_.tensor(id).type; }
  const std::string& origin() const { return layer_.origin; }
  /// What is written so far; importers may fold what they have just added.
  Graph& graph() { return graph_; }

  Graph finish(std::vector<TensorId> inputs, std::vector<TensorId> outputs) &&;

 private:
  std::string unique(std::string name);
  TensorId add(Tensor tensor);

  Graph graph_;
  LayerNames layer_;
  int32_t tensor_count_ = 0;
  std::map<std::string, int> calls_;
  std::map<std::string, int> names_;
};

}  // namespace smelt
