#include "smelt/quantize/useful_range.h"

#include <algorithm>

namespace smelt {
namespace {

/// The other operand of relu(a + b), none where the op is something else or reads `id` twice.
TensorId added_before_relu(const Graph& graph, const Op& op, TensorId id) {
  if (op.type != OpType::add) return TensorId::none;
  const auto activation = fused_activation(op.attributes);
  if (activation != Activation::relu && activation != Activation::relu6) return TensorId::none;
  const TensorId other = op.input(0) == id ? op.input(1) : op.input(0);
  return other && other != id && graph.tensor(other).type == DataType::float32 ? other
                                                                               : TensorId::none;
}

}  // namespace

Range useful_range(const Graph& graph, TensorId id, const RangeOf& range) {
  const Range whole = range(id);
  if (graph.is_output(id) || graph.consumers(id).empty()) return whole;
  float lowest = 0;
  for (const OpId reader : graph.consumers(id)) {
    const TensorId other = added_before_relu(graph, graph.op(reader), id);
    if (!other) return whole;
    lowest = std::min(lowest, -range(other).max);
  }
  return {std::max(whole.min, lowest), whole.max};
}

}  // namespace smelt
