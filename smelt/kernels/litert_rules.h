#pragma once

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

// What LiteRT's default engine does otherwise than the reference kernels. It hands every op that
// XNNPACK supports to that library and runs the others with its own optimized kernels. Sources:
// LiteRT's delegates/xnnpack/xnnpack_delegate.cc for which ops, and values measured with LiteRT
// 2.3 on x86-64 for how they round (docs/NUMERICS.md).

/// True where args.numerics is litert and XNNPACK takes this op over, for ops with integer
/// operands; what it does with floats alone is not asked here.
bool xnnpack_takes(const PrepareArgs& args);

/// Stored values that a fused activation lets through in XNNPACK: its bounds are rounded together
/// with the zero point, ties to even. The activation is one that clamps.
IntRange xnnpack_range(Activation activation, const Operand& output);

/// The value of a real number there: to the nearest stored value, ties to even, saturating.
int32_t xnnpack_quantize(float value, float scale, int32_t zero, IntRange range);

/// XNNPACK's QUANTIZE between 8-bit values and LEAKY_RELU: (x - zero) times a ratio of scales in
/// 1/256, rounded half up. Values below the zero point may have a ratio of their own.
struct XnnpackRatio {
  int32_t zero_x = 0;
  int32_t multiplier = 0, negative_multiplier = 0;
  int32_t zero_y = 0;
  IntRange range;

  int32_t operator()(int32_t v) const {
    const int32_t value = v - zero_x;
    const int32_t scaled = value * (value >= 0 ? multiplier : negative_multiplier);
    return clamp(((scaled + 128) >> 8) + zero_y, range);
  }
};
XnnpackRatio xnnpack_ratio(const Operand& x, const Operand& y, float negative_slope = 1.0f);

/// XNNPACK's ADD and SUB of 8-bit values: (bias + a * multiplier_a + b * multiplier_b) >> shift,
/// plus the zero point; ratios of scales rounded to multiples of 2^-shift, 20 bits and a sign for
/// the larger one. SUB negates multiplier_b.
struct XnnpackSum {
  int32_t bias = 0;
  int32_t multiplier_a = 0, multiplier_b = 0;
  int shift = 0;
  int32_t zero = 0;
  IntRange range;

  int32_t operator()(int32_t a, int32_t b) const {
    const int32_t sum = bias + a * multiplier_a + b * multiplier_b;
    return clamp((sum >> shift) + zero, range);
  }
};
XnnpackSum xnnpack_sum(const Operand& a, const Operand& b, const Operand& y, IntRange range,
                       bool subtract);

}  // namespace smelt
