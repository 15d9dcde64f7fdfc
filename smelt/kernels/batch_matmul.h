#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// BATCH_MATMUL: x [..., M,K], y [..., K,N] -> [..., M,N]; adj_x, adj_y: that operand is stored
/// transposed; leading axes broadcast. float32, int8, int16 (zero point 0). Integers as
/// reference_ops::BatchMatMul of TFLite Micro.
Kernel prepare_batch_matmul(const PrepareArgs& args);

}  // namespace smelt
