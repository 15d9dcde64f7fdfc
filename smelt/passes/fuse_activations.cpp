// Pattern   RELU, RELU6 or RELU_N1_TO_1 of what a convolution, dense layer, pool, ADD, SUB, MUL or
// DIV
//           computes
// Result    the op with the activation fused
// Before    nothing else reads the op's result; it has no activation, or one that the second makes
//           redundant or narrower (RELU then RELU6)

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

Activation activation_of(OpType type) {
  switch (type) {
    case OpType::relu:
      return Activation::relu;
    case OpType::relu6:
      return Activation::relu6;
    case OpType::relu_n1_to_1:
      return Activation::relu_n1_to_1;
    default:
      return Activation::none;
  }
}

bool can_fuse(OpType type) {
  switch (type) {
    case OpType::conv_2d:
    case OpType::depthwise_conv_2d:
    case OpType::transpose_conv:
    case OpType::conv_3d:
    case OpType::fully_connected:
    case OpType::average_pool_2d:
    case OpType::max_pool_2d:
    case OpType::l2_pool_2d:
    case OpType::add:
    case OpType::sub:
    case OpType::mul:
    case OpType::div:
      return true;
    default:
      return false;
  }
}

/// second(first(x)) as one activation; none where there is no such one.
Activation combine(Activation first, Activation second) {
  if (first == Activation::none || first == second) return second;
  const bool relu_like = (first == Activation::relu || first == Activation::relu6) &&
                         (second == Activation::relu || second == Activation::relu6);
  return relu_like ? Activation::relu6 : Activation::none;
}

bool fuse(Graph& graph, OpId id) {
  const Activation wanted = activation_of(graph.op(id).type);
  if (wanted == Activation::none) return false;
  const TensorId x = graph.op(id).input(0);
  if (!x || graph.tensor(x).type != DataType::float32) return false;
  const OpId producer = graph.producer(x);
  if (!producer || sole_reader(graph, x) != id) return false;
  const Op& op = graph.op(producer);
  if (!can_fuse(op.type) || op.outputs.size() != 1) return false;
  const auto present = fused_activation(op.attributes);
  const Activation combined = present ? combine(*present, wanted) : Activation::none;
  if (combined == Activation::none) return false;
  Attributes attributes = op.attributes;
  set_activation(attributes, combined);
  graph.set_op_kind(producer, op.type, std::move(attributes));
  absorb(graph, producer, id);
  return true;
}

}  // namespace

int fuse_activations(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) rewrites += fuse(graph, id);
  return rewrites;
}

}  // namespace smelt
