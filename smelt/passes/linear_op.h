#pragma once

#include <optional>
#include <vector>

#include "smelt/passes/rewrite.h"

namespace smelt {

/// An op y = w * x + b with float constants w and b: CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV,
/// CONV_3D or FULLY_CONNECTED.
struct LinearOp {
  OpId op;
  size_t x = 0, w = 1, b = 2;  ///< positions of the operands
  int out_axis = 0;            ///< axis of w that runs over the channels of y
  int64_t in_channels = 0;     ///< channels of x that w reads (fully connected: all of a row)
  int64_t out_channels = 0;    ///< size of the last axis of y
  Activation activation = Activation::none;
};

/// Nothing where the op is of another kind, or where w or b are not dense float constants.
std::optional<LinearOp> as_linear(const Graph& graph, OpId id);

/// The channels of y and x that a weight joins, by its position in w.
struct WeightPosition {
  int64_t out = 0;
  int64_t in = 0;
};
WeightPosition weight_position(const Graph& graph, const LinearOp& linear, int64_t index);

/// True where every result of the op is computed from cells of x alone, never from padding.
bool never_pads(const Graph& graph, const LinearOp& linear);

/// y becomes y * scale[channel].
void scale_result(Graph& graph, const LinearOp& linear, const std::vector<float>& scale);
/// y becomes y + offset[channel].
void shift_result(Graph& graph, const LinearOp& linear, const std::vector<float>& offset);
/// x becomes x * scale[channel] without changing y's meaning for the old x.
void scale_operand(Graph& graph, const LinearOp& linear, const std::vector<float>& scale);
/// The same for x + offset[channel]; only where never_pads.
void shift_operand(Graph& graph, const LinearOp& linear, const std::vector<float>& offset);

/// The constant operand of an element-wise op as one value per channel of the last axis, where it
/// is constant along all other axes of `shape` and does not broadcast `shape` itself.
std::optional<std::vector<float>> per_channel_constant(const Graph& graph, const Op& op,
                                                       size_t index, const Shape& shape);

}  // namespace smelt
