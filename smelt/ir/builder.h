#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

/// Builds graphs in a few lines; importers and tests use it.
///   GraphBuilder b("mlp");
///   TensorId x = b.input("x", DataType::float32, {1, 4});
///   TensorId w = b.constant<float>("w", {2, 4}, {...});
///   TensorId y = b.op(OpType::fully_connected, {x, w, TensorId::none}, FullyConnectedAttributes{},
///                     "dense", DataType::float32, {1, 2});
///   b.output(y);
///   Graph graph = std::move(b).build();   // verified
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name = "main") { graph_.name = std::move(name); }

  TensorId input(std::string name, DataType type, Shape shape, Quantization quantization = {});
  TensorId tensor(Tensor tensor) { return graph_.add_tensor(std::move(tensor)); }

  template <class T>
  TensorId constant(std::string name, Shape shape, const std::vector<T>& values,
                    Quantization quantization = {}) {
    Tensor tensor = Tensor::constant(std::move(name), std::move(shape), values);
    tensor.quantization = std::move(quantization);
    return graph_.add_tensor(std::move(tensor));
  }

  /// An op with one output, which gets the op's name.
  TensorId op(OpType type, std::vector<TensorId> inputs, Attributes attributes, std::string name,
              DataType out_type, Shape out_shape, Quantization out_quantization = {});

  /// An op whose output tensors exist already.
  OpId op(OpType type, std::vector<TensorId> inputs, std::vector<TensorId> outputs,
          Attributes attributes, std::string origin = {});

  void output(TensorId id);

  Graph& graph() { return graph_; }
  Graph build() &&;
  /// The graph as the only one of a model.
  Model build_model() &&;

 private:
  Graph graph_;
  std::vector<TensorId> inputs_, outputs_;
};

}  // namespace smelt
