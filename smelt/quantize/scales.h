#pragma once

#include <span>
#include <vector>

#include "smelt/ir/tensor.h"

namespace smelt {

// Scales and integers as TFLite's converter computes them (post-training quantization to int8:
// quantization_utils.cc, DownCastScale, ExpandVerySmallRange, QuantizeLegacy), so that a model
// quantized from the same ranges gets the same numbers.

/// Scale and zero point of int8 values in [-128, 127] that cover [min, max] and 0. A range narrower
/// than 1e-6 is widened by that much on both sides, so that no scale is 0.
Quantization asymmetric_int8(float min, float max);

/// The scale of activations of type int8 (asymmetric_int8) or int16: symmetric in [-32767, 32767]
/// over the larger side of [min, max].
Quantization activation_scale(DataType type, float min, float max);

/// The largest integer of symmetric weights: 7 of int4, 127 of int8.
int largest_weight(DataType type);

/// Scale of integers in [-largest, largest] (127: int8, 7: int4, 32767: int16) that cover
/// [-max_abs, max_abs]; never 0.
float symmetric_scale(float max_abs, int largest);

/// Scale of an int32 bias: input scale times weight scale.
float bias_scale(float input_scale, float weight_scale);

/// Where |bias| / bias scale passes half of int32's range, accumulation could overflow: the least
/// weight scale that keeps it below; otherwise `weight_scale`.
float widened_weight_scale(float max_abs_bias, float input_scale, float weight_scale);

/// The largest |value| of each slice of `axis`, or of all values where axis is -1.
std::vector<float> max_abs(std::span<const float> values, const Shape& shape, int axis);

/// round(value * (1 / scale) + zero_point) with the scale of the value's slice of q.axis, ties away
/// from zero, clamped to [low, high]. Weights in the range that their symmetric scale was made for
/// stay in [-127, 127].
std::vector<int8_t> to_int8(std::span<const float> values, const Shape& shape,
                            const Quantization& q, int low = -128, int high = 127);

/// round(value / scale), one scale or one per value, ties away from zero, clamped to T, which is
/// int32_t or int64_t.
template <class T>
std::vector<T> to_bias(std::span<const float> values, const Quantization& q);

/// round(value / scale) of a constant with zero point 0, clamped to [-32767, 32767].
std::vector<int16_t> to_int16(std::span<const float> values, const Quantization& q);

}  // namespace smelt
