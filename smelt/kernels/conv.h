#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// CONV_2D: x [N,H,W,I], w [O,kh,kw,I/groups], b [O] -> y [N,Ho,Wo,O]; float32, int8, int16, uint8.
/// Integers as reference_integer_ops::ConvPerChannel of TFLite Micro (uint8: reference_ops::Conv).
Kernel prepare_conv_2d(const PrepareArgs& args);

}  // namespace smelt
