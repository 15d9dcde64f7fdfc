// Pattern   MUL(l, c) or ADD(l, c) where l = w * x + b is computed by a convolution or dense layer
//           without activation
// Result    the layer alone, with w * c and b * c, or b + c; it takes over a fused activation
// Before    c is constant along all axes but the channels; nothing else reads l
// With lower_batch_norm this is what folds batch normalization.

#include "smelt/passes/linear_op.h"
#include "smelt/passes/passes.h"

namespace smelt {
namespace {

bool fold(Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  if (op.type != OpType::mul && op.type != OpType::add) return false;
  if (op.inputs.size() != 2 || !op.input(0)) return false;
  const TensorId l = op.input(0);
  const OpId layer = graph.producer(l);
  if (!layer || sole_reader(graph, l) != id) return false;
  const auto linear = as_linear(graph, layer);
  if (!linear || linear->activation != Activation::none) return false;
  const Shape& shape = graph.tensor(l).shape;
  const auto constant = per_channel_constant(graph, op, 1, shape);
  if (!constant || shape.back() != linear->out_channels) return false;
  const Activation activation = fused_activation(op.attributes).value_or(Activation::none);
  if (op.type == OpType::mul) {
    scale_result(graph, *linear, *constant);
  } else {
    shift_result(graph, *linear, *constant);
  }
  Attributes attributes = graph.op(layer).attributes;
  set_activation(attributes, activation);
  graph.set_op_kind(layer, graph.op(layer).type, std::move(attributes));
  absorb(graph, layer, id);
  return true;
}

}  // namespace

int fold_affine_behind(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) rewrites += fold(graph, id);
  return rewrites;
}

}  // namespace smelt
