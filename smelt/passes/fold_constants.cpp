// Pattern   an op that reads nothing but constants, or SHAPE or RANK of something of fixed shape
// Result    its results as constants, computed by the op's own kernel
// Before    the op always gives the same result; the results are small (kMaxGrowth) or no larger
// than
//           what the op reads; ops without a kernel stay

#include <algorithm>

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"
#include "smelt/run/calls.h"
#include "smelt/run/run_op.h"

namespace smelt {
namespace {

/// Results beyond what the operands take may add so many bytes to the model: a FILL of zeros stays
/// an op where it is large.
constexpr int64_t kMaxGrowth = 64 * 1024;

bool gives_the_same(OpType type) {
  switch (type) {
    case OpType::random_uniform:
    case OpType::random_standard_normal:
    case OpType::multinomial:
    case OpType::custom:
      return false;
    default:
      return !is_control(type);
  }
}

bool has_fixed_shape(const Tensor& tensor) {
  return tensor.shape.known() && (!tensor.shape_signature || tensor.shape_signature->known());
}

bool reads_only_constants(const Graph& graph, const Op& op) {
  if (op.type == OpType::shape || op.type == OpType::rank) {
    return op.input(0) && has_fixed_shape(graph.tensor(op.input(0)));
  }
  return !op.inputs.empty() && std::all_of(op.inputs.begin(), op.inputs.end(), [&](TensorId id) {
    return !id || (graph.tensor(id).is_constant && !graph.tensor(id).sparsity);
  });
}

/// Constants that a file stores as float16, int8 or sparsely to be small.
bool expands_storage(OpType type) { return type == OpType::dequantize || type == OpType::densify; }

bool fold(Graph& graph, OpId id, int64_t max_growth) {
  const Op op = graph.op(id);
  if (!gives_the_same(op.type) || !reads_only_constants(graph, op)) return false;
  int64_t bytes_read = 0;
  for (const TensorId input : op.inputs) {
    if (input) bytes_read += static_cast<int64_t>(graph.tensor(input).data.size());
  }
  for (const TensorId output : op.outputs) {
    if (!output || graph.is_output(output)) return false;
    const Tensor& y = graph.tensor(output);
    if (!y.shape.known()) return false;
    if (storage_bytes(y.type, y.shape.elements()) > bytes_read + max_growth) return false;
  }
  std::vector<Tensor> operands;
  for (const TensorId input : op.inputs) {
    operands.push_back(input ? graph.tensor(input) : Tensor());
  }
  std::vector<Tensor> types;
  for (const TensorId output : op.outputs) types.push_back(graph.tensor(output));
  std::optional<std::vector<Tensor>> results = run_op(op, operands, types);
  if (!results) return false;
  graph.erase(id);
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    Tensor& y = graph.tensor(op.outputs[i]);
    y = std::move((*results)[i]);
    y.shape_signature.reset();
  }
  return true;
}

}  // namespace

int fold_constants(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    if (!expands_storage(graph.op(id).type)) rewrites += fold(graph, id, kMaxGrowth);
  }
  return rewrites;
}

int expand_constants(Graph& graph) {
  constexpr int64_t kMaxExpanded = int64_t{1} << 30;
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    if (expands_storage(graph.op(id).type)) rewrites += fold(graph, id, kMaxExpanded);
  }
  return rewrites;
}

}  // namespace smelt
