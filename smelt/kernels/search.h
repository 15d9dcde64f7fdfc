#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// TOPK_V2: x [..., C], k -> values [..., k], largest first, and their indices int32 or int16;
/// of equal values the first wins, NaN counts as smallest (topk_v2.cc).
Kernel prepare_top_k(const PrepareArgs& args);

/// WHERE: condition -> positions int64 [n, rank] of what is not 0, in order. The result's shape was
/// computed from the condition; rows that are missing are zeros.
Kernel prepare_where(const PrepareArgs& args);

/// UNIQUE: x [N] -> its values in order of first occurrence [n], and for each element the place of
/// its value there, int32 or int64 [N].
Kernel prepare_unique(const PrepareArgs& args);

}  // namespace smelt
