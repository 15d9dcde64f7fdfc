#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/quantize/plan.h"
#include "smelt/quantize/ties.h"

namespace smelt {

// Plans of ops that keep a state: LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF in integers, these
// and the other recurrent ops with integer weights beside float activations. Scales are those of
// TFLite's converter (tools/optimize/operator_property.cc, prepare_quantize_helper.h):
//   weights             int8, symmetric, one scale per gate
//   biases              int32 (int64 beside int16 activations), scale of x times that of the
//   weights output state        as y cell state          int16, the power of two that covers it, of
//   2^-15 to 2^-9 peephole weights    int16, symmetric normalization       weights int16,
//   symmetric; biases int32 in 1/1024 of their scale; the sums
//                       in front of it int16, symmetric
//   projection          weights int8, biases int32, hidden value int8
//   SVDF                time weights int16 in [-512, 512], state int16, bias int32 in their product

/// True for ops that plan_integer_recurrent plans.
bool is_integer_recurrent(OpType type);

/// What is in the way of a recurrent op's integer form, in words; empty where nothing is.
std::string recurrent_obstacle(const Graph& graph, const Op& op, Precision precision);

/// An op that is planned, and what decides about it.
struct RecurrentOp {
  const Graph& graph;
  OpId id;
  const OpConfig& config;
  RangeOf range;      ///< of states and intermediates, as calibration saw them
  Quantization x, y;  ///< of the operand as the op reads it, and of the result
};

/// Adds the op's constants to `plan`, its states and intermediates to `tensors`.
/// bad_argument where intermediates are missing (see complete_recurrent).
void plan_integer_recurrent(const RecurrentOp& op, OpPlan& plan,
                            std::map<TensorId, TensorPlan>& tensors);

/// The operands that hybrid kernels of recurrent ops read as int8, all of them or none
/// (quantize_weights.cc, GetWeightInputIndices). Absent ones are left out; empty for other ops.
std::vector<size_t> recurrent_weights(const Op& op);

}  // namespace smelt
