#include "smelt/eval/paired.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"

namespace smelt {
namespace {

/// P(X <= k) of a binomial of n tries with probability 1/2.
double binomial_tail(int64_t k, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i <= k; ++i) {
    const double log_choices = std::lgamma(static_cast<double>(n + 1)) -
                               std::lgamma(static_cast<double>(i + 1)) -
                               std::lgamma(static_cast<double>(n - i + 1));
    sum += std::exp(log_choices - static_cast<double>(n) * std::log(2.0));
  }
  return sum;
}

double mcnemar(int64_t lost, int64_t gained) {
  constexpr int64_t kExact = 25;
  const int64_t differ = lost + gained;
  if (differ == 0) return 1;
  if (differ < kExact) return std::min(1.0, 2 * binomial_tail(std::min(lost, gained), differ));
  const double uneven = std::max(0.0, std::abs(static_cast<double>(lost - gained)) - 1);
  const double chi_square = uneven * uneven / static_cast<double>(differ);
  return std::erfc(std::sqrt(chi_square / 2));
}

}  // namespace

PairedComparison compare_paired(std::span<const uint8_t> first, std::span<const uint8_t> second) {
  SMELT_CHECK(first.size() == second.size() && !first.empty());
  PairedComparison result;
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] && !second[i]) ++result.lost;
    if (!first[i] && second[i]) ++result.gained;
  }
  const double n = static_cast<double>(first.size());
  const double uneven = static_cast<double>(result.lost - result.gained);
  const double differ = static_cast<double>(result.lost + result.gained);
  const double half = 1.96 * std::sqrt(std::max(0.0, differ - uneven * uneven / n)) / n;
  result.drop = uneven / n;
  result.interval = {result.drop - half, result.drop + half};
  result.p_value = mcnemar(result.lost, result.gained);
  return result;
}

}  // namespace smelt
