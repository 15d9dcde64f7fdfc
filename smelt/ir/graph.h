#pragma once

#include <string>
#include <vector>

#include "smelt/ir/attributes.h"
#include "smelt/ir/op_type.h"
#include "smelt/ir/tensor.h"

namespace smelt {

/// One operation. An absent optional operand is TensorId::none in its own position.
struct Op {
  OpType type = OpType::custom;
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
  Attributes attributes;
  std::vector<TensorId> intermediates;  ///< scratch tensors that carry scales (LSTM)
  int32_t version = 1;                  ///< as read; the writer of .tflite computes what it needs
  std::vector<bool> mutating_variable_inputs;
  std::string origin;  ///< layer or node of the source model

  TensorId input(size_t i) const { return i < inputs.size() ? inputs[i] : TensorId::none; }
  TensorId output(size_t i = 0) const { return i < outputs.size() ? outputs[i] : TensorId::none; }

  template <class A>
  const A& as() const {
    return std::get<A>(attributes);
  }
};

/// Tensors and the ops between them, in execution order. Ids stay valid while the graph lives and
/// are the same in its copies. Edges change only through the methods here, which keep the producer
/// and consumer lists true.
class Graph {
 public:
  std::string name;

  // --- reading
  bool contains(TensorId id) const;
  bool contains(OpId id) const;
  const Tensor& tensor(TensorId id) const;
  Tensor& tensor(TensorId id);
  const Op& op(OpId id) const;

  /// Living tensors, by id; living ops, in execution order. Copies, so that a pass may edit while
  /// it walks (and must skip what it erased itself: see `contains`).
  std::vector<TensorId> tensors() const;
  std::vector<OpId> ops() const { return order_; }
  size_t op_count() const { return order_.size(); }

  const std::vector<TensorId>& inputs() const { return inputs_; }
  const std::vector<TensorId>& outputs() const { return outputs_; }
  bool is_input(TensorId id) const;
  bool is_output(TensorId id) const;

  /// The op that computes the tensor, none for inputs, constants and variables.
  OpId producer(TensorId id) const;
  /// Ops that read the tensor, each as often as it reads it, in no particular order.
  const std::vector<OpId>& consumers(TensorId id) const;

  /// The constant behind operand `index`, or null where it is absent or computed.
  const Tensor* constant_input(const Op& op, size_t index) const;

  // --- editing
  TensorId add_tensor(Tensor tensor);
  /// Appends behind the last op.
  OpId add_op(Op op);
  OpId insert_before(OpId position, Op op);
  OpId insert_after(OpId position, Op op);

  /// Removes an op; its outputs stay as tensors without a producer.
  void erase(OpId id);
  /// Removes a tensor that nothing uses any more.
  void erase(TensorId id);
  /// Removes every tensor that no op touches and that is no input or output; returns how many.
  int erase_unused_tensors();

  /// Makes every reader of `from`, graph outputs included, read `to`.
  void replace_uses(TensorId from, TensorId to);
  void set_op_input(OpId id, size_t index, TensorId tensor);
  void set_op_output(OpId id, size_t index, TensorId tensor);
  void set_op_inputs(OpId id, std::vector<TensorId> inputs);
  void set_op_outputs(OpId id, std::vector<TensorId> outputs);
  /// Turns an op into another one in its place: type and attributes change, edges stay.
  void set_op_kind(OpId id, OpType type, Attributes attributes);
  void set_op_version(OpId id, int32_t version);
  void set_op_origin(OpId id, std::string origin);

  void set_inputs(std::vector<TensorId> inputs) { inputs_ = std::move(inputs); }
  void set_outputs(std::vector<TensorId> outputs) { outputs_ = std::move(outputs); }

 private:
  struct TensorSlot {
    Tensor tensor;
    OpId producer;
    std::vector<OpId> consumers;
    bool alive = true;
  };
  struct OpSlot {
    Op op;
    bool alive = true;
  };

  TensorSlot& slot(TensorId id);
  const TensorSlot& slot(TensorId id) const;
  OpSlot& slot(OpId id);
  const OpSlot& slot(OpId id) const;
  OpId insert(size_t position, Op op);
  size_t position_of(OpId id) const;
  void link_input(OpId id, TensorId tensor);
  void unlink_input(OpId id, TensorId tensor);
  void link_output(OpId id, TensorId tensor);
  void unlink_output(OpId id, TensorId tensor);

  std::vector<TensorSlot> tensors_;
  std::vector<OpSlot> ops_;
  std::vector<OpId> order_;
  std::vector<TensorId> inputs_;
  std::vector<TensorId> outputs_;
};

}  // namespace smelt
