#pragma once

#include <string_view>

#include "smelt/ir/graph.h"

namespace smelt {

// Which precisions beside int8 (see QuantizationRule) the runtimes have kernels for.

/// Why the op has no int16 form, given that it has an int8 one; empty where it has: kernels of
/// LiteRT take int16 activations (operator_property.cc, quantizable_int16, and the kernels
/// themselves).
std::string_view int16_gap(OpType type);

/// The operand that holds the weights of an op that computes in float, and the axis of its output
/// channels.
struct WeightOperand {
  int index = -1;  ///< -1: the op has no weights
  int axis = -1;
};
WeightOperand weight_operand(const Graph& graph, const Op& op);

/// Whether LiteRT computes the op from float32 activations and integer weights of so many bits (8
/// or 4) without converting them first.
bool has_hybrid_kernel(OpType type, int weight_bits);

/// Whether TFLite Micro and LiteRT take int4 weights beside int8 activations.
bool has_int4_kernel(OpType type);

}  // namespace smelt
