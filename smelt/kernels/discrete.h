#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// BITWISE_XOR, RIGHT_SHIFT: integers of 8, 16 and 32 bits with broadcasting. Shifts are clamped
/// to the bits of the type; signed values keep their sign.
Kernel prepare_bitwise_xor(const PrepareArgs& args);
Kernel prepare_right_shift(const PrepareArgs& args);

/// BUCKETIZE: how many boundaries are not above each value, int32.
Kernel prepare_bucketize(const PrepareArgs& args);

/// FAKE_QUANT: float32 rounded to the grid of `bits` between min and max, which is moved so that 0
/// lies on it (NudgeQuantizationRange of quantization_util.cc).
Kernel prepare_fake_quant(const PrepareArgs& args);

}  // namespace smelt
