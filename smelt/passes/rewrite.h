#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Steps that several passes share.

/// The op that reads `id`, once and as the only one; none where it has other readers or is an
/// output of the graph.
OpId sole_reader(const Graph& graph, TensorId id);

/// The values of operand `index` where it is a dense float32 constant.
std::optional<std::span<const float>> float_constant(const Graph& graph, const Op& op,
                                                     size_t index);

/// The values of operand `index` where it is a dense int32 or int64 constant.
std::optional<std::vector<int64_t>> int_constant(const Graph& graph, const Op& op, size_t index);

/// Makes `value` stand for the only result of `id` and erases the op. Inputs and outputs of the
/// graph stay the tensors that they were, so that false is returned, and nothing changed, where
/// the result is an output that `value`'s producer cannot compute in its place (a graph input
/// returned as it is).
bool replace_by(Graph& graph, OpId id, TensorId value);

/// Joins two ops of which `second` is the only reader of `first`'s result: `first` computes
/// `second`'s result, and `second` is erased.
void absorb(Graph& graph, OpId first, OpId second);

/// A new float constant as operand `index` of the op, which gets absent operands before it. It
/// takes over the name of the operand that it replaces, or is called after the op and `role`.
void set_float_operand(Graph& graph, OpId id, size_t index, Shape shape,
                       const std::vector<float>& values, std::string_view role);

/// Sets the fused activation of attributes that have one.
void set_activation(Attributes& attributes, Activation activation);

}  // namespace smelt
