#pragma once

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/window.h"

namespace smelt {

/// A pool, for the plain loops and the ones vectorized over channels.
struct Pool {
  Window window;
  int64_t batch = 1;
  int64_t channels = 1;
  bool average = false;  ///< else the maximum
  DataType type = DataType::float32;
  FloatRange range_float;
  IntRange range;
};

/// True where run_pool gives the same bytes as the plain loops: sums of integers are divided as
/// floats, which is exact below 2^24.
bool pool_is_fast(const Pool& pool);
void run_pool(const Pool& pool, const void* x, void* y);

}  // namespace smelt
