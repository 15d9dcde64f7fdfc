#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// CONV_3D: float32 x [N,D,H,W,I], w [kd,kh,kw,I,O], optional b [O] -> y [N,Do,Ho,Wo,O].
Kernel prepare_conv_3d(const PrepareArgs& args);
/// CONV_3D_TRANSPOSE: shape [5], w [kd,kh,kw,O,I], x [N,D,H,W,I], optional b [O] -> y.
Kernel prepare_conv_3d_transpose(const PrepareArgs& args);

}  // namespace smelt
