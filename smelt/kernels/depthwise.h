#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// DEPTHWISE_CONV_2D: x [N,H,W,C], w [1,kh,kw,C*multiplier], b [C*multiplier] ->
/// y [N,Ho,Wo,C*multiplier]; output channel c * multiplier + m reads input channel c. float32,
/// int8, int16, uint8. Integers as reference_integer_ops::DepthwiseConvPerChannel of TFLite Micro.
Kernel prepare_depthwise_conv_2d(const PrepareArgs& args);

}  // namespace smelt
