#pragma once

#include <initializer_list>

#include "smelt/formats/keras/layer.h"

/// Single operations that stand among the layers of a Functional model: Keras 3's `keras.ops`
/// (class "ops.Concatenate"), TensorFlow functions of tf.keras ("tf.math.add", from TFOpLambda) and
/// its older TensorFlowOpLayer, which holds a node of a TensorFlow graph ("raw.Transpose").
namespace smelt::keras {

/// The arguments of one call, whatever form the file gives them: positional, by keyword, in the
/// operation's own configuration, or as constants and attributes of a node.
class OpCall {
 public:
  explicit OpCall(const Layer& layer);

  const Layer& layer() const { return layer_; }
  GraphWriter& graph() const { return layer_.graph; }
  /// The operation by one name for all forms: "add", "reduce_mean", ...
  const std::string& op() const { return op_; }

  /// An argument by its position or one of its names; null where it is absent or None.
  using Names = std::initializer_list<const char*>;
  const Json* find(size_t position, Names names) const;
  const Json& at(size_t position, Names names) const;

  bool has_tensor(size_t position, Names names) const;
  /// A tensor, or the constant that stands in its place, of the type of `like`.
  TensorId tensor(size_t position, Names names, TensorId like = TensorId::none) const;
  /// All tensors in an argument: the list that is joined or stacked.
  std::vector<TensorId> tensors(size_t position, Names names) const;

  std::optional<int64_t> integer(size_t position, Names names) const;
  int64_t integer_or(size_t position, Names names, int64_t fallback) const;
  float number_or(size_t position, Names names, float fallback) const;
  bool boolean_or(size_t position, Names names, bool fallback) const;
  /// A list of integers, or one integer; null counts as `open` in it.
  std::vector<int32_t> integers(size_t position, Names names) const;

  /// An op whose results have the type of x.
  TensorId emit(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                Shape shape) const;
  TensorId unary(OpType type, TensorId x) const;
  TensorId binary(OpType type, TensorId x, TensorId y, bool compares = false) const;
  TensorId as_type(TensorId x, DataType type) const;
  TensorId reshape(TensorId x, const Shape& shape) const;

 private:
  const Json* unwrapped(const Json* value) const;
  void read_node();

  const Layer& layer_;
  std::string op_;
  Json positional_, keywords_;
};

struct OpRow {
  std::string_view name;
  Results (*import)(const OpCall& call);
};
std::span<const OpRow> arithmetic_ops();
std::span<const OpRow> reduction_ops();
std::span<const OpRow> shape_ops();

/// The layer's row for "ops.X", "tf.x" and "raw.X"; null for operations that Smelt does not know.
const TableRow* find_op(std::string_view class_name);

}  // namespace smelt::keras
