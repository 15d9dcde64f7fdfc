// Sets the shape of every result from the operands, op by op. Shapes that depend on data stay as
// they were recorded.

#include "smelt/ir/dump.h"
#include "smelt/ops/infer.h"
#include "smelt/passes/passes.h"

namespace smelt {

int infer_shapes(Graph& graph) {
  int changes = 0;
  for (const OpId id : graph.ops()) {
    const std::vector<TensorId> outputs = graph.op(id).outputs;
    std::vector<Shape> before;
    for (const TensorId output : outputs) {
      before.push_back(output ? graph.tensor(output).shape : Shape());
    }
    try {
      infer_shapes(graph, id);
    } catch (Error& error) {
      if (error.kind() == ErrorKind::unsupported) continue;
      error.add_context(describe(graph, id));
      throw;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] && !(graph.tensor(outputs[i]).shape == before[i])) ++changes;
    }
  }
  return changes;
}

}  // namespace smelt
