#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// x [N,H,W,C] -> y [N,Ho,Wo,C]; cells of a window that are padding do not count. float32, int8,
// uint8, int16; integers keep their scale. As TFLite Micro's reference_integer_ops: means round
// half away from zero.

Kernel prepare_average_pool_2d(const PrepareArgs& args);
Kernel prepare_max_pool_2d(const PrepareArgs& args);
/// Square root of the mean of squares; float32.
Kernel prepare_l2_pool_2d(const PrepareArgs& args);

}  // namespace smelt
