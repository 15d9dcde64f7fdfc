#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// y[i_perm] = x[i]: axis k of the result is axis perm[k] of x; any type of 8 bits or more.
Kernel prepare_transpose(const PrepareArgs& args);

/// Blocks of cells [b,b] become channels, and back: x [N,H,W,C] -> [N,H/b,W/b,b*b*C].
Kernel prepare_space_to_depth(const PrepareArgs& args);
Kernel prepare_depth_to_space(const PrepareArgs& args);

/// x repeated multiples[k] times along axis k.
Kernel prepare_tile(const PrepareArgs& args);

/// x spread over the result's shape as in NumPy.
Kernel prepare_broadcast_to(const PrepareArgs& args);

/// x with the elements of the given axes in reverse order.
Kernel prepare_reverse_v2(const PrepareArgs& args);

}  // namespace smelt
