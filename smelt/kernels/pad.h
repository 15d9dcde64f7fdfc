#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// PAD (x, paddings [r,2]) and PADV2 (x, paddings, value): x with cells put around it; any type of
/// 8 bits or more. PAD fills with real zero: the result's zero point where that is quantized.
Kernel prepare_pad(const PrepareArgs& args);
Kernel prepare_padv2(const PrepareArgs& args);

/// MIRROR_PAD: the cells around are x reflected at its edges, which `symmetric` repeats.
Kernel prepare_mirror_pad(const PrepareArgs& args);

/// SPACE_TO_BATCH_ND: x [N,H,W,C] or [N,H,C] padded (real zero), its blocks spread over the batch;
/// BATCH_TO_SPACE_ND: the inverse with crops. Any type of 8 bits or more.
Kernel prepare_space_to_batch_nd(const PrepareArgs& args);
Kernel prepare_batch_to_space_nd(const PrepareArgs& args);

}  // namespace smelt
