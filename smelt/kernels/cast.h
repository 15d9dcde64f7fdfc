#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// CAST between float32, float64, float16, bool and the integers of 8 to 64 bits, stored values.
/// Floats become integers towards zero; what does not fit saturates, NaN becomes 0. int4 as a
/// source.
Kernel prepare_cast(const PrepareArgs& args);

/// QUANTIZE: float32 -> int8, uint8, int16 (half away from zero, saturating); and between int8,
/// uint8, int16 and int32 with one fixed-point multiplier (Requantize). Per tensor, and per channel
/// from float32 to int8, uint8 and int16.
Kernel prepare_quantize(const PrepareArgs& args);

/// DEQUANTIZE: int8, uint8, int16, int32, int4 per tensor or per channel, and float16, to float32.
Kernel prepare_dequantize(const PrepareArgs& args);

}  // namespace smelt
