#pragma once

#include <functional>

#include "smelt/ops/op_def.h"

namespace smelt {

/// The values of a dense constant of int32 or int64 that is small enough; nothing otherwise.
std::optional<std::vector<int64_t>> index_values(const Tensor& tensor);

/// The same of bytes that hold values of a type.
std::optional<std::vector<int64_t>> index_values(DataType type, ByteView data);

/// What inference sees of an op in the graph as it is. `content` gives the values of operands that
/// are no constants, where they are known.
using KnownContent = std::function<std::optional<ByteView>(TensorId)>;
ShapeContext shape_context(const Graph& graph, const Op& op, const KnownContent& content = {});

/// Checks the op's arity, and that its options are known where shapes follow from them; then asks
/// its definition for the shapes of its results.
void infer_shapes(ShapeContext& context);

/// Checks the op's arity and sets the shapes of its result tensors from its operands, and the type
/// of the result of ADD, SUB, MUL and DIV. Errors do not name the op; callers add describe(graph,
/// id).
/// With `content` as in shape_context.
void infer_shapes(Graph& graph, OpId id, const KnownContent& content = {});

}  // namespace smelt
