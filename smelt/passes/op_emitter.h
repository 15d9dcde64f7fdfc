#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Puts ops into a graph one behind the other: in front of a given op, or at the graph's end.
/// Results and constants are named after the layer. Shapes are given; with `open_batch` the leading
/// axis of results is recorded as open.
class OpEmitter {
 public:
  OpEmitter(Graph& graph, std::string layer, bool open_batch, OpId before = OpId::none)
      : graph_(graph), layer_(std::move(layer)), open_batch_(open_batch), before_(before) {}

  /// An op with one result.
  TensorId op(OpType type, std::vector<TensorId> inputs, Attributes attributes, Shape shape,
              DataType out_type = DataType::float32);
  /// An op with `count` results of one shape.
  std::vector<TensorId> many(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                             size_t count, const Shape& shape,
                             DataType out_type = DataType::float32);
  /// An op with default attributes whose result has the first operand's shape and type.
  TensorId unary(OpType type, TensorId x);
  /// The same with two float operands that broadcast.
  TensorId binary(OpType type, TensorId x, TensorId y);
  TensorId binary(OpType type, TensorId x, float y) { return binary(type, x, scalar(y)); }

  /// x [..., I] times weights [O,I], plus bias [O] or none -> [..., O].
  TensorId dense(TensorId x, TensorId weights, TensorId bias);
  /// Elements `begin` to `end` of axis 1; the axis is left out of the result with `drop_axis`.
  TensorId slice(TensorId x, int32_t begin, int32_t end, bool drop_axis);
  /// The last of axis 1: x [N,T,U] -> [N,U].
  TensorId last_step(TensorId x) { return slice(x, -1, 0, true); }

  template <class T>
  TensorId constant(const std::string& role, Shape shape, const std::vector<T>& values) {
    return add(Tensor::constant(role, std::move(shape), values));
  }
  TensorId add(Tensor tensor);
  /// Constants of which equal ones are shared.
  TensorId scalar(float value);
  TensorId ints(const std::vector<int32_t>& values);
  TensorId int_scalar(int32_t value);

  /// Any op whose results exist already.
  OpId place(Op op);

  const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
  const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }
  Graph& graph() { return graph_; }
  const std::string& layer() const { return layer_; }

 private:
  Graph& graph_;
  std::string layer_;
  bool open_batch_;
  OpId before_;
  int count_ = 0;
  std::map<float, TensorId> scalars_;
  std::map<std::vector<int32_t>, TensorId> ints_;
  std::map<int32_t, TensorId> int_scalars_;
};

}  // namespace smelt
