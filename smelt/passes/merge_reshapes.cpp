// Pattern   RESHAPE(r) where r is computed by RESHAPE, SQUEEZE or EXPAND_DIMS of x
// Result    RESHAPE(x); the inner op dies where nothing else reads r
// Before    the outer shape is known but for at most the batch axis

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

bool only_reshapes(OpType type) {
  return type == OpType::reshape || type == OpType::squeeze || type == OpType::expand_dims;
}

}  // namespace

int merge_reshapes(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type != OpType::reshape || !op.input(0)) continue;
    if (op.inputs.size() > 1 && !graph.constant_input(op, 1)) continue;
    const OpId inner = graph.producer(op.input(0));
    if (!inner || !only_reshapes(graph.op(inner).type)) continue;
    graph.set_op_input(id, 0, graph.op(inner).input(0));
    ++rewrites;
  }
  return rewrites;
}

}  // namespace smelt
