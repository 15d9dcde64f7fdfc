#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// L2_NORMALIZATION: x over its length along the last axis (at least 1e-6). float32; int8 and uint8
/// in fixed point with an output of 1/128 at 0 (uint8: at 128).
Kernel prepare_l2_normalization(const PrepareArgs& args);

/// LOCAL_RESPONSE_NORMALIZATION over the last axis, float32. As in the reference, the window of
/// radius r around channel c is [c - r, c + r), without its last cell.
Kernel prepare_local_response_normalization(const PrepareArgs& args);

}  // namespace smelt
