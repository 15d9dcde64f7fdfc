// Pattern   an op that returns its operand: DROPOUT, RESHAPE, SQUEEZE, EXPAND_DIMS and BROADCAST_TO
//           to the same shape, PAD by nothing, CAST to the same type, TRANSPOSE that moves no axis
//           of a size other than 1, CONCATENATION or PACKed-free join of one operand, ADD_N of one,
//           TILE by 1, ADD of zeros, MUL by ones, RELU behind something that is never negative
// Result    its operand
// Before    shapes are known; a RESHAPE that returns a graph input as an output stays

#include <algorithm>

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

bool same_shape(const Graph& graph, const Op& op) {
  const Tensor& x = graph.tensor(op.input(0));
  const Tensor& y = graph.tensor(op.output());
  return x.shape == y.shape && x.shape.known();
}

bool all_equal(const std::optional<std::vector<int64_t>>& values, int64_t wanted) {
  return values && std::all_of(values->begin(), values->end(),
                               [&](int64_t value) { return value == wanted; });
}

bool all_equal(const std::optional<std::span<const float>>& values, float wanted) {
  return values &&
         std::all_of(values->begin(), values->end(), [&](float value) { return value == wanted; });
}

/// Axes of size 1 aside, does the permutation keep the order?
bool keeps_order(const Graph& graph, const Op& op) {
  const auto permutation = int_constant(graph, op, 1);
  const Shape& x = graph.tensor(op.input(0)).shape;
  if (!permutation || static_cast<int>(permutation->size()) != x.rank()) return false;
  int64_t last = -1;
  for (const int64_t axis : *permutation) {
    if (axis < 0 || axis >= x.rank()) return false;
    if (x[static_cast<int>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

bool never_negative(const Graph& graph, TensorId id) {
  const OpId producer = graph.producer(id);
  if (!producer) return false;
  const Op& op = graph.op(producer);
  if (op.type == OpType::relu || op.type == OpType::relu6) return true;
  const Activation activation = fused_activation(op.attributes).value_or(Activation::none);
  return activation == Activation::relu || activation == Activation::relu6;
}

bool is_plain(const Op& op) {
  return fused_activation(op.attributes).value_or(Activation::none) == Activation::none;
}

bool is_identity(const Graph& graph, const Op& op) {
  switch (op.type) {
    case OpType::dropout:
      return true;
    case OpType::reshape:
    case OpType::squeeze:
    case OpType::expand_dims:
    case OpType::broadcast_to:
      return same_shape(graph, op);
    case OpType::pad:
    case OpType::padv2:
    case OpType::mirror_pad:
      return all_equal(int_constant(graph, op, 1), 0);
    case OpType::tile:
      return all_equal(int_constant(graph, op, 1), 1);
    case OpType::cast:
      return graph.tensor(op.input(0)).type == graph.tensor(op.output()).type;
    case OpType::transpose:
      return same_shape(graph, op) && keeps_order(graph, op);
    case OpType::concatenation:
      return op.inputs.size() == 1 && is_plain(op);
    case OpType::add_n:
      return op.inputs.size() == 1;
    case OpType::add:
      return is_plain(op) && same_shape(graph, op) && all_equal(float_constant(graph, op, 1), 0);
    case OpType::mul:
      return is_plain(op) && same_shape(graph, op) && all_equal(float_constant(graph, op, 1), 1);
    case OpType::relu:
      return never_negative(graph, op.input(0));
    default:
      return false;
  }
}

/// What has to stay an op becomes one that files can hold.
void as_reshape(Graph& graph, OpId id) {
  const Op op = graph.op(id);
  std::vector<int32_t> target = graph.tensor(op.output()).shape.dims();
  if (!target.empty()) target[0] = Shape::kUnknown;
  graph.set_op_kind(id, OpType::reshape, ReshapeAttributes{.new_shape = target});
  const Shape count({static_cast<int32_t>(target.size())});
  Tensor shape = Tensor::constant(graph.tensor(op.output()).name + "/shape", count, target);
  shape.origin = op.origin;
  graph.set_op_inputs(id, {op.input(0), graph.add_tensor(std::move(shape))});
}

}  // namespace

int drop_identity(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (!op.input(0) || op.outputs.size() != 1 || !op.output()) continue;
    const Tensor& x = graph.tensor(op.input(0));
    if (!(x.quantization == graph.tensor(op.output()).quantization)) continue;
    if (!is_identity(graph, op)) continue;
    const bool replaced = replace_by(graph, id, op.input(0));
    if (!replaced && op.type == OpType::dropout) as_reshape(graph, id);
    rewrites += replaced;
  }
  return rewrites;
}

}  // namespace smelt
