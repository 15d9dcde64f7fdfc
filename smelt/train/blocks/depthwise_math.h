#pragma once

#include "smelt/kernels/window.h"

namespace smelt::train {

/// Depthwise convolution of one image: x [H,W,C], w [cells,C], z [Ho,Wo,C].
void depthwise_forward(const Window& window, int64_t channels, const float* x, const float* w,
                       float* z);

/// dx += and dw += what dz says; dx may be null.
void depthwise_backward(const Window& window, int64_t channels, const float* x, const float* w,
                        const float* dz, float* dx, float* dw);

}  // namespace smelt::train
