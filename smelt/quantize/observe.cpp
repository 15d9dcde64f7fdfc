#include "smelt/quantize/observe.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace smelt {

bool observe(std::span<const float> values, TensorStats& stats) {
  // Independent lanes, so that the compiler may use vector registers: without them the order of
  // float comparisons is fixed. v - v is 0 for numbers and NaN for NaN and infinities.
  constexpr size_t kLanes = 16;
  float low[kLanes], high[kLanes], poison[kLanes];
  std::fill(low, low + kLanes, std::numeric_limits<float>::infinity());
  std::fill(high, high + kLanes, -std::numeric_limits<float>::infinity());
  std::fill(poison, poison + kLanes, 0.0f);
  const float* v = values.data();
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float value = v[i + lane];
      low[lane] = value < low[lane] ? value : low[lane];
      high[lane] = value > high[lane] ? value : high[lane];
      poison[lane] += value - value;
    }
  }
  for (; i < values.size(); ++i) {
    low[0] = std::min(low[0], v[i]);
    high[0] = std::max(high[0], v[i]);
    poison[0] += v[i] - v[i];
  }
  float poisoned = 0;
  for (const float p : poison) poisoned += p;
  if (std::isnan(poisoned)) return false;
  if (values.empty()) return true;
  merge({.count = static_cast<int64_t>(values.size()),
         .min = *std::min_element(low, low + kLanes),
         .max = *std::max_element(high, high + kLanes)},
        stats);
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
