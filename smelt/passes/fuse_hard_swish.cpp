// Pattern   MUL(x, MUL(r, 1/6)) or MUL(MUL(x, r), 1/6) with r = RELU6(ADD(x, 3)), the factors of
// each
//           MUL in any order
// Result    HARD_SWISH(x)
// Before    nothing else reads what lies in between; no fused activations but RELU6 of the ADD

#include <cmath>

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

bool is_value(const Graph& graph, const Op& op, size_t index, float value) {
  const auto constant = float_constant(graph, op, index);
  return constant && constant->size() == 1 && std::abs(constant->front() - value) < 1e-6f;
}

/// The op of that type which computes `id` for no one but `reader`; null otherwise.
const Op* inner_op(const Graph& graph, TensorId id, OpId reader, OpType type,
                   Activation activation = Activation::none) {
  const OpId producer = id ? graph.producer(id) : OpId::none;
  if (!producer || sole_reader(graph, id) != reader) return nullptr;
  const Op& op = graph.op(producer);
  const bool plain = fused_activation(op.attributes).value_or(Activation::none) == activation;
  return op.type == type && plain ? &op : nullptr;
}

/// x where `id` is relu6(x + 3).
TensorId shifted_relu6(const Graph& graph, TensorId id, OpId reader) {
  const Op* add = inner_op(graph, id, reader, OpType::add, Activation::relu6);
  if (const Op* relu = inner_op(graph, id, reader, OpType::relu6)) {
    add = inner_op(graph, relu->input(0), graph.producer(id), OpType::add);
  }
  return add && is_value(graph, *add, 1, 3) ? add->input(0) : TensorId::none;
}

/// x where `op` multiplies x and relu6(x + 3).
TensorId gated(const Graph& graph, const Op& op, OpId id) {
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const TensorId x = shifted_relu6(graph, op.input(i), id);
    if (x && x == op.input(1 - i)) return x;
  }
  return TensorId::none;
}

/// x where `op` multiplies x and relu6(x + 3) / 6, in either order.
TensorId hard_swish_operand(const Graph& graph, const Op& op, OpId id) {
  if (is_value(graph, op, 1, 1.0f / 6)) {
    const Op* inner = inner_op(graph, op.input(0), id, OpType::mul);
    return inner ? gated(graph, *inner, graph.producer(op.input(0))) : TensorId::none;
  }
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Op* gate = inner_op(graph, op.input(i), id, OpType::mul);
    if (!gate || !is_value(graph, *gate, 1, 1.0f / 6)) continue;
    const TensorId x = shifted_relu6(graph, gate->input(0), graph.producer(op.input(i)));
    if (x && x == op.input(1 - i)) return x;
  }
  return TensorId::none;
}

bool fuse(Graph& graph, OpId id) {
  const Op op = graph.op(id);
  if (op.type != OpType::mul || op.inputs.size() != 2) return false;
  if (fused_activation(op.attributes).value_or(Activation::none) != Activation::none) return false;
  const TensorId x = hard_swish_operand(graph, op, id);
  if (!x || !(graph.tensor(x).shape == graph.tensor(op.output()).shape)) return false;
  graph.set_op_kind(id, OpType::hard_swish, NoAttributes{});
  graph.set_op_inputs(id, {x});
  return true;
}

}  // namespace

int fuse_hard_swish(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) rewrites += fuse(graph, id);
  if (rewrites > 0) remove_dead(graph);  // what the pattern was made of has readers' places
  return rewrites;
}

}  // namespace smelt
