#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "smelt/formats/common/graph_writer.h"

namespace smelt::tensorflow {

/// Writes a graph op by op: infers shapes, and computes at once what depends on constants alone.
///
/// Every value is followed twice, for a batch of 1 and for a batch of kProbeBatch (its shadow):
/// where the two differ in an axis, or in an element of a shape that the graph computes, the batch
/// is in it. So shape arithmetic folds to constants and the batch axis still stays open.
class Builder {
 public:
  static constexpr int32_t kProbeBatch = 3;

  /// Names of the ops that follow; see GraphWriter.
  void begin_node(const std::string& name) { writer_.begin_layer(name); }
  void end_node(std::span<const TensorId> results) { writer_.end_layer(results); }

  /// An input; -1 in `signature` for the batch axis.
  TensorId input(const std::string& name, DataType type, const Shape& signature);

  /// One op; the result has the type of the first operand unless it is given.
  TensorId op(OpType type, std::vector<TensorId> inputs, Attributes attributes,
              std::optional<DataType> result = {});
  TensorId op(OpType type, std::vector<TensorId> inputs) {
    return op(type, std::move(inputs), default_attributes(type));
  }
  /// An op with as many results as types.
  std::vector<TensorId> ops(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                            std::vector<DataType> results);
  /// An op whose results inference does not know (control flow): `once` and `wide` are their types
  /// and shapes for the two batches.
  std::vector<TensorId> raw(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                            std::span<const Tensor> once, std::span<const Tensor> wide);
  /// The same with results like these tensors.
  std::vector<TensorId> raw(OpType type, const std::vector<TensorId>& inputs, Attributes attributes,
                            const std::vector<TensorId>& like);

  TensorId constant(Tensor tensor);
  /// A constant that is `probe` where the batch is kProbeBatch.
  TensorId constant(Tensor tensor, Tensor probe);
  TensorId scalar(float value) { return writer_.scalar(value); }
  /// A vector, or with shape {} a scalar, of int32.
  TensorId ints(const std::vector<int32_t>& values);
  TensorId integer(int32_t value);

  // --- compositions
  TensorId reshape(TensorId x, const std::vector<int32_t>& dims);
  /// x with `shape` that may have the batch in it, as `probe` says.
  TensorId reshape(TensorId x, std::vector<int64_t> dims, const std::vector<int64_t>& probe);
  TensorId transpose(TensorId x, const std::vector<int32_t>& order);
  TensorId cast(TensorId x, DataType type);
  TensorId pad(TensorId x, const std::vector<int32_t>& sides);  ///< front and behind of each axis
  TensorId zeros(const Shape& once, const Shape& wide, DataType type);
  TensorId concat(const std::vector<TensorId>& parts, int axis);

  // --- reading
  const Tensor& tensor(TensorId id) { return writer_.graph().tensor(id); }
  const Shape& shape(TensorId id) { return tensor(id).shape; }
  DataType type(TensorId id) { return tensor(id).type; }
  int rank(TensorId id) { return shape(id).rank(); }
  bool is_constant(TensorId id) { return tensor(id).is_constant; }
  /// The same with a batch of kProbeBatch.
  const Tensor& probe(TensorId id);
  /// Values of a constant of small integers.
  std::optional<std::vector<int64_t>> values(TensorId id);
  std::optional<std::vector<int64_t>> probe_values(TensorId id);
  /// True where the axis grows with the batch.
  bool is_open(TensorId id, int axis);

  /// y = FULLY_CONNECTED(RESHAPE(x, [-1, K]), w): {x, w}; none where y is anything else.
  std::pair<TensorId, TensorId> dense_behind_reshape(TensorId y);

  Graph finish(std::vector<TensorId> inputs, std::vector<TensorId> outputs) &&;

 private:
  std::vector<const Tensor*> operands(const std::vector<TensorId>& inputs, bool probe);
  void drop_unread();
  bool fold(const Op& op, const std::vector<TensorId>& outputs);

  GraphWriter writer_;
  std::map<TensorId, Tensor> probes_;
};

}  // namespace smelt::tensorflow
