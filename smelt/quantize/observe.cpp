#include "smelt/quantize/observe.h"

#include <algorithm>

#include "smelt/quantize/value_range.h"

namespace smelt {

bool observe(std::span<const float> values, TensorStats& stats) {
  const ValueRange range = value_range(values.data(), values.size());
  if (!range.finite) return false;
  const auto count = static_cast<int64_t>(values.size());
  merge({.count = count, .min = range.low, .max = range.high}, stats);
  return true;
}

void merge(const TensorStats& from, TensorStats& into) {
  if (from.count == 0) return;
  into.min = into.count == 0 ? from.min : std::min(into.min, from.min);
  into.max = into.count == 0 ? from.max : std::max(into.max, from.max);
  into.count += from.count;
  into.histogram.merge(from.histogram);
}

}  // namespace smelt
