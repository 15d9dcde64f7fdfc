#pragma once

#include <cstdint>
#include <cstdlib>

#include "smelt/kernels/sigmoid_table.h"

namespace smelt {

// Logistic and tanh of int16 values by interpolation (reference_integer_ops::Logistic and Tanh of
// TFLite Micro). The argument counts steps of 1 / (3 * 4096); results are in 1/32768.

/// 2^16 * logistic at `steps` >= 0 counted in 1/2^`bits` of a sample, scaled by 2^bits.
inline uint32_t interpolate_sigmoid(uint32_t steps, int bits, uint32_t saturated) {
  const uint32_t index = steps >> bits;
  if (index >= 255) return saturated;
  const uint32_t low = kSigmoidTable[index], high = kSigmoidTable[index + 1];
  return (low << bits) + (steps & ((1u << bits) - 1)) * (high - low);
}

inline int16_t logistic_int16(int32_t steps) {
  const auto magnitude = static_cast<uint32_t>(std::abs(static_cast<int64_t>(steps)));
  uint32_t result = interpolate_sigmoid(magnitude, 9, 0x7FFFu << 10);
  result = steps >= 0 ? result + (1u << 9) : (1u << 25) - result + (1u << 9) - 1;
  return static_cast<int16_t>(result >> 10);
}

inline int16_t tanh_int16(int32_t steps) {
  const auto magnitude = static_cast<uint32_t>(std::abs(static_cast<int64_t>(steps)));
  auto result = static_cast<int32_t>(interpolate_sigmoid(magnitude, 8, 0xFFFFu << 8));
  result = steps >= 0 ? result - (1 << 23) + (1 << 7) : -result + (1 << 23) + (1 << 7) - 1;
  return static_cast<int16_t>(result >> 8);
}

}  // namespace smelt
