// Pattern   RESHAPE(r) where r is computed by RESHAPE, SQUEEZE or EXPAND_DIMS of x
// Result    RESHAPE(x); the inner op dies where nothing else reads r
// Before    the outer shape is known but for at most the batch axis
//
// Pattern   RESHAPE of a MEAN, SUM or REDUCE_MAX that only restores or drops its axes of size 1
// Result    the reduction with or without keep_dims
// Before    nothing else reads the reduction

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

bool only_reshapes(OpType type) {
  return type == OpType::reshape || type == OpType::squeeze || type == OpType::expand_dims;
}

bool is_reduction(OpType type) {
  return type == OpType::mean || type == OpType::sum || type == OpType::reduce_max ||
         type == OpType::reduce_min;
}

/// The result of reducing `axes` of x.
Shape reduced(const Shape& x, const std::vector<int64_t>& axes, bool keep_dims) {
  std::vector<int32_t> dims = x.dims();
  std::vector<bool> gone(dims.size(), false);
  for (const int64_t axis : axes) gone[static_cast<size_t>(normalized_axis(axis, x.rank()))] = true;
  std::vector<int32_t> result;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!gone[i]) result.push_back(dims[i]);
    if (gone[i] && keep_dims) result.push_back(1);
  }
  return Shape(std::move(result));
}

bool merge_into_reduction(Graph& graph, OpId id) {
  const TensorId inner = graph.op(id).input(0);
  const OpId producer = graph.producer(inner);
  if (!producer || !is_reduction(graph.op(producer).type)) return false;
  if (sole_reader(graph, inner) != id) return false;
  const Op& op = graph.op(producer);
  const auto axes = int_constant(graph, op, 1);
  if (!axes) return false;
  const bool keep_dims = !op.as<ReduceAttributes>().keep_dims;
  const Shape shape = reduced(graph.tensor(op.input(0)).shape, *axes, keep_dims);
  if (!(shape == graph.tensor(graph.op(id).output()).shape)) return false;
  graph.set_op_kind(producer, op.type, ReduceAttributes{.keep_dims = keep_dims});
  absorb(graph, producer, id);
  return true;
}

}  // namespace

int merge_reshapes(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type != OpType::reshape || !op.input(0)) continue;
    if (op.inputs.size() > 1 && !graph.constant_input(op, 1)) continue;
    const OpId inner = graph.producer(op.input(0));
    if (merge_into_reduction(graph, id)) {
      ++rewrites;
      continue;
    }
    if (!inner || !only_reshapes(graph.op(inner).type)) continue;
    graph.set_op_input(id, 0, graph.op(inner).input(0));
    ++rewrites;
  }
  return rewrites;
}

}  // namespace smelt
