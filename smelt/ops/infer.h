#pragma once

#include "smelt/ops/op_def.h"

namespace smelt {

/// Integer constants of up to this many elements are handed to shape inference as values.
inline constexpr int64_t kMaxIndexValues = 4096;

/// The values of a dense constant of int32 or int64 that is small enough; nothing otherwise.
std::optional<std::vector<int64_t>> index_values(const Tensor& tensor);

/// What inference sees of an op in the graph as it is.
ShapeContext shape_context(const Graph& graph, const Op& op);

/// Checks the op's arity and sets the shapes of its result tensors from its operands, and the type
/// of the result of ADD, SUB, MUL and DIV. Errors do not name the op; callers add describe(graph,
/// id).
void infer_shapes(Graph& graph, OpId id);

}  // namespace smelt
