#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// Convolution2DTransposeBias (MediaPipe): float32 x [N,H,W,I], w [O,kh,kw,I], b [O] -> y, a
/// TRANSPOSE_CONV whose options are stored as raw int32: padding (1 same, 2 valid), stride along
/// width, stride along height.
Kernel prepare_transpose_conv_bias(const PrepareArgs& args);

}  // namespace smelt
