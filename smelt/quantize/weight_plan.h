#pragma once

#include "smelt/quantize/plan.h"

namespace smelt {

/// How the constant weights of an op of an integer precision are stored, given the scale of its
/// input: symmetric, with the scale widened where the bias would overflow int32. `bias` may be
/// null; it must have as many values as there are scales, if these are several (bad_file
/// otherwise).
TensorPlan integer_weights(const Op& op, const Tensor& weights, int axis, const Tensor* bias,
                           float input_scale, const OpConfig& config);

/// How a bias is stored: int32, or int64 beside int16 activations, with the product of the scales
/// of input and weights.
TensorPlan integer_bias(const Tensor& bias, float input_scale, const Quantization& weights,
                        Precision precision);

/// How the weights of an op that computes in float are stored as integers (dynamic, weight_only).
/// axis: of the output channels, -1 where kernels know one scale only.
TensorPlan hybrid_weights(const Op& op, const Tensor& weights, int axis, const OpConfig& config);

/// How a constant is stored as float16; nothing where a value lies outside its range.
std::optional<TensorPlan> float16_constant(const Tensor& constant);

/// Symmetric scales of the slices of an axis.
Quantization symmetric(std::vector<float> scale, int axis);

}  // namespace smelt
