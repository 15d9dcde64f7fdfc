#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "smelt/ir/attributes.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

// Fixed-point arithmetic of integer kernels, equal bit for bit with TFLite Micro's reference build
// (double rounding: TFLITE_SINGLE_ROUNDING is off there). Sources: kernels/internal/common.cc,
// quantization_util.cc, kernel_util.cc and gemmlowp's fixedpoint.h.

/// multiplier / 2^31 * 2^shift; multiplier is 0 or in [2^30, 2^31).
struct FixedMultiplier {
  int32_t multiplier = 0;
  int shift = 0;  ///< positive: to the left

  bool operator==(const FixedMultiplier&) const = default;
};

/// The nearest fixed-point number (QuantizeMultiplier); |value| below 2^-31 becomes 0.
/// bad_file where the value is not finite or is 2^30 or more, which no 32-bit kernel can apply.
inline FixedMultiplier quantize_multiplier(double value) {
  if (value == 0.0) return {};
  if (!std::isfinite(value)) fail(ErrorKind::bad_file, "a ratio of scales is {}", value);
  int shift = 0;
  const double fraction = std::frexp(value, &shift);
  auto fixed = static_cast<int64_t>(std::round(fraction * 2147483648.0));
  if (fixed == int64_t{1} << 31) {
    fixed /= 2;
    ++shift;
  }
  if (shift < -31) return {};
  if (shift > 30) fail(ErrorKind::bad_file, "a ratio of scales is {}, which is too large", value);
  return {static_cast<int32_t>(fixed), shift};
}

/// a + b and a * b modulo 2^32, as the reference kernels compute in practice.
inline int32_t wrapping_add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
inline int32_t wrapping_mul(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}
inline int32_t wrapping_shift_left(int32_t value, int bits) {
  return static_cast<int32_t>(static_cast<uint32_t>(value) << bits);
}

/// round(a * b / 2^31), ties away from zero for positive products and towards it for negative ones;
/// saturates the one case that overflows (a == b == INT32_MIN).
inline int32_t saturating_rounding_doubling_high_mul(int32_t a, int32_t b) {
  if (a == b && a == std::numeric_limits<int32_t>::min()) {
    return std::numeric_limits<int32_t>::max();
  }
  const int64_t product = static_cast<int64_t>(a) * b;
  const int64_t nudge = product >= 0 ? int64_t{1} << 30 : 1 - (int64_t{1} << 30);
  return static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));  // truncates to zero
}

/// round(value / 2^exponent), ties away from zero; exponent in [0, 31].
inline int32_t rounding_divide_by_pot(int32_t value, int exponent) {
  const auto mask = static_cast<int32_t>((int64_t{1} << exponent) - 1);
  const int32_t remainder = value & mask;
  const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> exponent) + (remainder > threshold ? 1 : 0);
}

/// MultiplyByQuantizedMultiplier for 32-bit accumulators: shift left (wrapping), high half of the
/// product, then a rounding shift right. Shift in [-31, 30].
inline int32_t apply_multiplier(int32_t value, FixedMultiplier m) {
  const int left = m.shift > 0 ? m.shift : 0;
  const int right = m.shift > 0 ? 0 : -m.shift;
  return rounding_divide_by_pot(
      saturating_rounding_doubling_high_mul(wrapping_shift_left(value, left), m.multiplier), right);
}

/// The same for 64-bit accumulators of int16 activations: 15-bit multiplier, one rounding.
/// Shift in [-31, 7]; |value| < 2^47.
inline int32_t apply_multiplier(int64_t value, FixedMultiplier m) {
  const int32_t reduced = m.multiplier < 0x7FFF0000 ? (m.multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const int total_shift = 15 - m.shift;
  const auto product = static_cast<int64_t>(static_cast<uint64_t>(value) *  // wraps, never traps
                                            static_cast<uint64_t>(int64_t{reduced}));
  return static_cast<int32_t>(
      static_cast<int64_t>(static_cast<uint64_t>(product) + (uint64_t{1} << (total_shift - 1))) >>
      total_shift);
}

/// A closed range of stored values.
struct IntRange {
  int32_t low = 0;
  int32_t high = 0;
};

inline int32_t clamp(int32_t value, IntRange range) {
  return std::min(std::max(value, range.low), range.high);
}

/// XNNPACK's way from a sum to a stored value: the product with a ratio of scales in float, rounded
/// to the nearest integer, ties to even. Clamping before rounding gives the same and keeps the
/// conversion in range.
inline int32_t apply_scale(float value, float scale, int32_t zero, IntRange range) {
  const auto low = static_cast<float>(wrapping_add(range.low, -zero));
  const auto high = static_cast<float>(wrapping_add(range.high, -zero));
  const float real = value * scale;
  const float clamped = real > low ? std::min(real, high) : low;  // NaN becomes the lowest
  return static_cast<int32_t>(std::nearbyint(clamped)) + zero;
}
inline int32_t apply_scale(int32_t value, float scale, int32_t zero, IntRange range) {
  return apply_scale(static_cast<float>(value), scale, zero, range);
}

/// All values of an integer type of up to 32 bits.
inline IntRange range_of(DataType type) {
  switch (type) {
    case DataType::int4:
      return {-8, 7};
    case DataType::int8:
      return {-128, 127};
    case DataType::uint8:
      return {0, 255};
    case DataType::int16:
      return {-32768, 32767};
    default:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  }
}

/// zero + round(value / scale), in float arithmetic as kernel_util.cc does it; bad_file where the
/// quotient leaves int32.
inline int32_t quantize_bound(float value, float scale, int32_t zero) {
  const float quotient = std::round(value / scale);
  if (!(quotient >= -2147483648.0f && quotient < 2147483648.0f - 65536.0f)) {
    fail(ErrorKind::bad_file, "scale {} is too small for an activation bound of {}", scale, value);
  }
  return wrapping_add(zero, static_cast<int32_t>(quotient));
}

/// Stored values that a fused activation lets through (CalculateActivationRangeQuantized): bounds
/// for relu, relu6 and relu_n1_to_1, the whole type for others. The output must be per tensor.
inline IntRange activation_range(Activation activation, const Operand& output) {
  IntRange range = range_of(output.type);
  const auto bound = [&](float value) {
    return quantize_bound(value, scale_of(output), zero_of(output));
  };
  switch (activation) {
    case Activation::relu:
      range.low = std::max(range.low, bound(0.0f));
      break;
    case Activation::relu6:
      range.low = std::max(range.low, bound(0.0f));
      range.high = std::min(range.high, bound(6.0f));
      break;
    case Activation::relu_n1_to_1:
      range.low = std::max(range.low, bound(-1.0f));
      range.high = std::min(range.high, bound(1.0f));
      break;
    default:
      break;
  }
  return range;
}

/// A closed range of real values.
struct FloatRange {
  float low = std::numeric_limits<float>::lowest();
  float high = std::numeric_limits<float>::max();
};

/// The same for float kernels (CalculateActivationRange): clamps infinities to the largest float
/// where there is no activation, as the reference does.
inline FloatRange activation_range(Activation activation) {
  FloatRange range;
  if (activation == Activation::relu || activation == Activation::relu6) range.low = 0.0f;
  if (activation == Activation::relu6) range.high = 6.0f;
  if (activation == Activation::relu_n1_to_1) range = {-1.0f, 1.0f};
  return range;
}

inline float clamp(float value, FloatRange range) {
  return std::min(std::max(value, range.low), range.high);
}

/// unsupported unless the kernels can apply it as a clamp (tanh and sign_bit they cannot).
inline void require_clamping(Activation activation) {
  if (activation == Activation::tanh || activation == Activation::sign_bit) {
    fail(ErrorKind::unsupported, "a fused {} has no kernel; use a separate op instead",
         name(activation));
  }
}

}  // namespace smelt
