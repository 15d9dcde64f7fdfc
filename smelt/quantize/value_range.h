#pragma once

#include <cstddef>

namespace smelt {

/// Least and largest of `count` values, inf and -inf where there are none; `finite` is false where
/// a value is NaN or infinite, and then the others mean nothing.
struct ValueRange {
  float low;
  float high;
  bool finite;
};
ValueRange value_range(const float* values, size_t count);

/// Widens low[c] and high[c] by the values [rows, channels] of each channel; they must be finite.
void channel_ranges(const float* values, size_t rows, size_t channels, float* low, float* high);

}  // namespace smelt
