#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// RFFT2D: float32 x [..., H, W], lengths int32 [2], powers of two -> complex64 [..., lengths[0],
/// lengths[1] / 2 + 1]; x is cut or padded with zeros. Computed in double, as rfft2d.cc.
Kernel prepare_rfft_2d(const PrepareArgs& args);

/// complex64 to float32 (complex128 to float64).
Kernel prepare_real(const PrepareArgs& args);
Kernel prepare_imag(const PrepareArgs& args);
Kernel prepare_complex_abs(const PrepareArgs& args);

}  // namespace smelt
