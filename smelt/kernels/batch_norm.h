#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// BATCH_NORMALIZATION at inference: x [..., C along `axis`, ...], gamma, beta, mean, variance [C]
/// -> gamma * (x - mean) / sqrt(variance + epsilon) + beta, computed as Keras does: as x * factor +
/// offset. Absent gamma is 1, absent beta 0. float32.
Kernel prepare_batch_normalization(const PrepareArgs& args);

}  // namespace smelt
