#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// FILL (dims, value): the value everywhere. ZEROS_LIKE: stored zeros in x's shape. Any type of 8
/// bits or more.
Kernel prepare_fill(const PrepareArgs& args);
Kernel prepare_zeros_like(const PrepareArgs& args);

/// RANGE (start, limit, delta): start + i * delta; float32, int32, int64. How many there are is the
/// result's shape.
Kernel prepare_range(const PrepareArgs& args);

/// BROADCAST_ARGS: the shape that two shapes (int32 or int64 vectors) spread to; axes that do not
/// fit give the larger of the two.
Kernel prepare_broadcast_args(const PrepareArgs& args);

}  // namespace smelt
