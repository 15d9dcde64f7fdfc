// Pattern   SUB(x, constant), DIV(x, constant), ADD or MUL(constant, x)
// Result    ADD(x, -constant), MUL(x, 1 / constant), ADD or MUL(x, constant)
// Before    float32 everywhere, no element of a divisor is 0
//
// Pattern   ADD(ADD(x, a), b), MUL(MUL(x, a), b), a and b constant
// Result    ADD(x, a + b), MUL(x, a * b)
// Before    nothing else reads the inner result, which has no activation; a and b are of one shape,
//           or one of them has one value
// Later passes then know one spelling of "scale and shift".

#include <algorithm>
#include <functional>

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

bool is_float(const Graph& graph, const Op& op) {
  return op.inputs.size() == 2 && op.input(0) && op.input(1) &&
         graph.tensor(op.input(0)).type == DataType::float32 &&
         graph.tensor(op.input(1)).type == DataType::float32;
}

void map_operand(Graph& graph, OpId id, OpType type, const std::function<float(float)>& map) {
  const Op& op = graph.op(id);
  const auto values = float_constant(graph, op, 1);
  std::vector<float> mapped(values->size());
  std::transform(values->begin(), values->end(), mapped.begin(), map);
  const Activation activation = fused_activation(op.attributes).value_or(Activation::none);
  Attributes attributes = default_attributes(type);
  set_activation(attributes, activation);
  const Shape shape = graph.tensor(op.input(1)).shape;
  set_float_operand(graph, id, 1, shape, mapped, "c");
  graph.set_op_kind(id, type, std::move(attributes));
}

bool normalize(Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  if (!is_float(graph, op)) return false;
  const auto second = float_constant(graph, op, 1);
  switch (op.type) {
    case OpType::add:
    case OpType::mul:
      if (second || !float_constant(graph, op, 0)) return false;
      graph.set_op_inputs(id, {op.input(1), op.input(0)});
      return true;
    case OpType::sub:
      if (!second || float_constant(graph, op, 0)) return false;
      map_operand(graph, id, OpType::add, [](float v) { return -v; });
      return true;
    case OpType::div:
      if (!second || float_constant(graph, op, 0)) return false;
      if (std::find(second->begin(), second->end(), 0.0f) != second->end()) return false;
      map_operand(graph, id, OpType::mul, [](float v) { return 1.0f / v; });
      return true;
    default:
      return false;
  }
}

bool join(Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  if ((op.type != OpType::add && op.type != OpType::mul) || !is_float(graph, op)) return false;
  const OpId inner = graph.producer(op.input(0));
  if (!inner || graph.op(inner).type != op.type || sole_reader(graph, op.input(0)) != id) {
    return false;
  }
  const Op& first = graph.op(inner);
  const auto a = float_constant(graph, first, 1), b = float_constant(graph, op, 1);
  if (!a || !b || !is_float(graph, first)) return false;
  if (fused_activation(first.attributes).value_or(Activation::none) != Activation::none) {
    return false;
  }
  const Shape& a_shape = graph.tensor(first.input(1)).shape;
  const Shape& b_shape = graph.tensor(op.input(1)).shape;
  if (!(a_shape == b_shape) && a->size() != 1 && b->size() != 1) return false;
  const Shape shape = broadcast(a_shape, b_shape);
  std::vector<float> joined(static_cast<size_t>(shape.elements()));
  for (size_t i = 0; i < joined.size(); ++i) {
    const float x = (*a)[a->size() == 1 ? 0 : i], y = (*b)[b->size() == 1 ? 0 : i];
    joined[i] = op.type == OpType::add ? x + y : x * y;
  }
  set_float_operand(graph, id, 1, shape, joined, "c");
  graph.set_op_input(id, 0, graph.op(inner).input(0));
  graph.erase(inner);
  return true;
}

}  // namespace

int normalize_arithmetic(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) rewrites += normalize(graph, id);
  for (const OpId id : graph.ops()) rewrites += join(graph, id);
  return rewrites;
}

}  // namespace smelt
