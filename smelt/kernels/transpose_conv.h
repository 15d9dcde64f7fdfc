#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// TRANSPOSE_CONV: output shape [4], w [O,kh,kw,I], x [N,H,W,I], b [O] -> y [N,Ho,Wo,O]: each input
/// value adds its product with the filter to the window of y that starts at its place times the
/// stride. float32, int8, int16. Integers as reference_integer_ops::TransposeConv of TFLite Micro.
Kernel prepare_transpose_conv(const PrepareArgs& args);

}  // namespace smelt
