#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// Results that start as zeros (or another value) and get values at positions that an operand names.
// Positions outside of the result are left out; LiteRT stops with an error there.

/// SCATTER_ND: indices [..., k], updates, shape -> zeros plus the updates; integers wrap.
Kernel prepare_scatter_nd(const PrepareArgs& args);
/// SPARSE_TO_DENSE: indices (scalar, [n] or [n, rank]), shape, values (one or n), default.
Kernel prepare_sparse_to_dense(const PrepareArgs& args);
/// SEGMENT_SUM: x [N, ...], ids int32 [N] -> sums of the slices of each id.
Kernel prepare_segment_sum(const PrepareArgs& args);

/// UNSORTED_SEGMENT_*: x [P..., R...], ids int32 [P...], count -> [count, R...]; ids below 0 are
/// left out, segments without slices hold 1, 0, the lowest or the highest value.
Kernel prepare_unsorted_segment_prod(const PrepareArgs& args);
Kernel prepare_unsorted_segment_sum(const PrepareArgs& args);
Kernel prepare_unsorted_segment_max(const PrepareArgs& args);
Kernel prepare_unsorted_segment_min(const PrepareArgs& args);

}  // namespace smelt
