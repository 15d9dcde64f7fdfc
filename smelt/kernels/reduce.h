#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// y = f over the axes given by the constant operand 1. Elements are combined in the order in which
// they lie in memory, as the reference kernels do, so that float sums agree with theirs.
//   MEAN        float32; int8, uint8, int16 in one multiplication that divides by the count and
//               rescales (QuantizedMeanOrSum); int32, int64 truncating
//   SUM         float32; int8, uint8, int16 with rescaling; int32, int64 wrapping
//   REDUCE_MAX, REDUCE_MIN   float32, int8, uint8, int16, int32, int64; stored values, whose scales
//               must be equal
//   REDUCE_PROD float32, int32, int64 (wrapping)
//   REDUCE_ANY, REDUCE_ALL   bool

Kernel prepare_mean(const PrepareArgs& args);
Kernel prepare_sum(const PrepareArgs& args);
Kernel prepare_reduce_max(const PrepareArgs& args);
Kernel prepare_reduce_min(const PrepareArgs& args);
Kernel prepare_reduce_prod(const PrepareArgs& args);
Kernel prepare_reduce_any(const PrepareArgs& args);
Kernel prepare_reduce_all(const PrepareArgs& args);

/// Position of the largest or smallest element along an axis, the first of equals, as int32 or
/// int64; float32, int8, uint8, int16, int32, int64, bool.
Kernel prepare_arg_max(const PrepareArgs& args);
Kernel prepare_arg_min(const PrepareArgs& args);

/// Running sums along an axis: float32, int32, int64; int8 in fixed point (TFLite Micro).
Kernel prepare_cumsum(const PrepareArgs& args);

}  // namespace smelt
