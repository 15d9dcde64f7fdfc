#pragma once

#include <cstddef>
#include <cstdint>

namespace smelt {

// The debugger's loops over values, in the machine's vectors. Sums are doubles; the order of
// summation, and with it the last bits, depends on the machine.

/// stored[i] = values[i] / scale rounded half away from zero, plus zero, clamped to int8.
void quantize_int8(const float* values, size_t count, float scale, int32_t zero, int8_t* stored);

/// values[i] = scale * (stored[i] - zero).
void dequantize_int8(const int8_t* stored, size_t count, float scale, int32_t zero, float* values);

/// Over pairs of a reference r and a value v, with d = v - r.
struct DifferenceSums {
  double d = 0, dd = 0, rr = 0, vv = 0, rv = 0;
  float largest = 0;  ///< |d|
};
DifferenceSums sum_differences(const float* reference, const float* values, size_t count);

/// Over values v, cut to c = clamp(v, low, high) and rounded to r, the nearest multiple of step
/// (r = c = v where step is 0).
struct RangeSums {
  double vv = 0;       ///< v * v
  double clipped = 0;  ///< (c - v)^2
  double rounded = 0;  ///< (r - c)^2
  float largest = 0;   ///< |v|
};
RangeSums sum_range(const float* values, size_t count, float low, float high, float step);

}  // namespace smelt
