#pragma once

#include <cstdint>
#include <span>

#include "smelt/eval/metrics.h"

namespace smelt {

/// Two classifiers on the same samples.
struct PairedComparison {
  int64_t lost = 0;    ///< samples that only the first got right
  int64_t gained = 0;  ///< samples that only the second got right
  double drop = 0;     ///< accuracy of the first - accuracy of the second
  /// 95 % confidence interval of the drop (Wald, for paired proportions:
  /// drop +- 1.96 sqrt(lost + gained - (lost - gained)^2 / n) / n).
  Interval interval;
  /// McNemar's test: the probability of so uneven a split of the samples on which they differ, if
  /// both were equally good. Exact (binomial, two-sided) where these are fewer than 25, else
  /// chi-square with continuity correction.
  double p_value = 1;
};

/// 1 for every sample that a classifier got right; both of the same length, not 0.
PairedComparison compare_paired(std::span<const uint8_t> first, std::span<const uint8_t> second);

}  // namespace smelt
