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

}  // namespace smelt
