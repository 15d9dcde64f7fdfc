// Pattern   layer(MUL(x, c)) or layer(ADD(x, c)), layer a convolution or dense layer
// Result    layer(x) with the constant moved into its weights, or into its bias
// Before    nothing else reads the MUL or ADD, which has no activation; c has one value, or, in
//           front of a dense layer, one per channel (per channel in front of a convolution the
//           converter leaves it alone: weights of very different size share a scale in int8); for
//           ADD the layer never pads

#include <algorithm>

#include "smelt/passes/linear_op.h"
#include "smelt/passes/passes.h"

namespace smelt {
namespace {

bool fold(Graph& graph, OpId id) {
  const auto linear = as_linear(graph, id);
  if (!linear) return false;
  const TensorId inner = graph.op(id).input(linear->x);
  const OpId affine = graph.producer(inner);
  if (!affine || sole_reader(graph, inner) != id) return false;
  const Op& op = graph.op(affine);
  if (op.type != OpType::mul && op.type != OpType::add) return false;
  if (op.inputs.size() != 2 || !op.input(0)) return false;
  if (fused_activation(op.attributes).value_or(Activation::none) != Activation::none) return false;
  const TensorId x = op.input(0);
  const Shape& shape = graph.tensor(x).shape;
  if (!(shape == graph.tensor(inner).shape)) return false;
  const auto constant = per_channel_constant(graph, op, 1, shape);
  if (!constant || shape.back() != linear->in_channels) return false;
  const bool one_value = std::all_of(constant->begin(), constant->end(),
                                     [&](float value) { return value == constant->front(); });
  if (!one_value && graph.op(id).type != OpType::fully_connected) return false;
  if (op.type == OpType::add && !never_pads(graph, *linear)) return false;
  if (op.type == OpType::mul) {
    scale_operand(graph, *linear, *constant);
  } else {
    shift_operand(graph, *linear, *constant);
  }
  graph.set_op_input(id, linear->x, x);
  graph.erase(affine);
  return true;
}

}  // namespace

int fold_affine_before(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    while (graph.contains(id) && fold(graph, id)) ++rewrites;
  }
  return rewrites;
}

}  // namespace smelt
