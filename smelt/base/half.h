#pragma once

#include <bit>
#include <cstdint>

namespace smelt {

/// IEEE 754 binary16 bits to float; exact.
float half_to_float(uint16_t bits);

/// Nearest binary16, ties to even; out of range becomes infinity.
uint16_t float_to_half(float value);

/// bfloat16 bits to float; exact.
inline float bfloat16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace smelt
