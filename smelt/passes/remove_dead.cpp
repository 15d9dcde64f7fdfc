// Pattern   an op none of whose results is read or returned; a tensor that nothing touches
// Result    gone
// Before    the op does nothing but compute its results: it has no variables, resources or graphs
// of
//           its own, and is no custom op

#include <algorithm>

#include "smelt/passes/passes.h"

namespace smelt {
namespace {

bool has_effects(const Graph& graph, const Op& op) {
  switch (op.type) {
    case OpType::custom:
    case OpType::call:
    case OpType::call_once:
    case OpType::if_:
    case OpType::while_:
      return true;
    default:
      break;
  }
  return op.outputs.empty() || std::any_of(op.inputs.begin(), op.inputs.end(), [&](TensorId id) {
           return id &&
                  (graph.tensor(id).is_variable || graph.tensor(id).type == DataType::resource);
         });
}

bool is_dead(const Graph& graph, const Op& op) {
  return !has_effects(graph, op) &&
         std::all_of(op.outputs.begin(), op.outputs.end(), [&](TensorId id) {
           return !id || (graph.consumers(id).empty() && !graph.is_output(id));
         });
}

}  // namespace

int remove_dead(Graph& graph) {
  int removed = 0;
  std::vector<OpId> order = graph.ops();
  std::reverse(order.begin(), order.end());
  for (const OpId id : order) {
    if (!is_dead(graph, graph.op(id))) continue;
    graph.erase(id);
    ++removed;
  }
  return removed + graph.erase_unused_tensors();
}

}  // namespace smelt
