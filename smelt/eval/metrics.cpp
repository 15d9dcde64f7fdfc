#include "smelt/eval/metrics.h"

#include <algorithm>
#include <cmath>

namespace smelt {

Interval wilson_interval(int64_t hits, int64_t count) {
  if (count == 0) return {0, 1};
  constexpr double kZ = 1.959963984540054;
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n;
  const double center = p + kZ * kZ / (2 * n);
  const double spread = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  const double scale = 1 + kZ * kZ / n;
  return {std::max(0.0, (center - spread) / scale), std::min(1.0, (center + spread) / scale)};
}

int32_t predicted_class(std::span<const float> scores) {
  if (scores.size() == 1) return scores[0] > 0.5f ? 1 : 0;
  return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

int64_t ConfusionMatrix::total(int truth) const {
  int64_t sum = 0;
  for (int predicted = 0; predicted < classes_; ++predicted) sum += count(truth, predicted);
  return sum;
}

}  // namespace smelt
