#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// x [N,H,W,C], size [2] -> y [N,Ho,Wo,C]. float32 in float arithmetic; int8, uint8 and int16 with
/// positions in 1/1024 cells and the result rounded half away from zero (ResizeBilinearInteger).
Kernel prepare_resize_bilinear(const PrepareArgs& args);

/// The same by the nearest cell; any type of 8 bits or more.
Kernel prepare_resize_nearest_neighbor(const PrepareArgs& args);

}  // namespace smelt
