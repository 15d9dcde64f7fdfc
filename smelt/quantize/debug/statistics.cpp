#include "smelt/quantize/debug/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/quantize/debug/elementwise.h"

namespace smelt {

void ErrorSums::add(std::span<const float> reference, std::span<const float> values) {
  const DifferenceSums sums = sum_differences(reference.data(), values.data(), reference.size());
  const auto count = static_cast<double>(reference.size());
  const double mean = sums.d / count;
  const double mean_square = sums.dd / count;
  ++samples_;
  elements_ = static_cast<int64_t>(reference.size());
  stddev_ += std::sqrt(std::max(mean_square - mean * mean, 0.0));
  mean_ += mean;
  largest_ += sums.largest;
  mean_square_ += mean_square;
  errors_ += sums.dd;
  references_ += sums.rr;
  values_ += sums.vv;
  products_ += sums.rv;
}

void ErrorSums::merge(const ErrorSums& other) {
  samples_ += other.samples_;
  elements_ = std::max(elements_, other.elements_);
  stddev_ += other.stddev_;
  mean_ += other.mean_;
  largest_ += other.largest_;
  mean_square_ += other.mean_square_;
  errors_ += other.errors_;
  references_ += other.references_;
  values_ += other.values_;
  products_ += other.products_;
}

ErrorStats ErrorSums::stats() const {
  const double samples = static_cast<double>(std::max<int64_t>(samples_, 1));
  ErrorStats stats{.num_elements = elements_,
                   .stddev = stddev_ / samples,
                   .mean_error = mean_ / samples,
                   .max_abs_error = largest_ / samples,
                   .mean_squared_error = mean_square_ / samples};
  stats.sqnr_db = errors_ > 0 ? 10 * std::log10(references_ / errors_)
                              : std::numeric_limits<double>::infinity();
  const double lengths = std::sqrt(references_) * std::sqrt(values_);
  stats.cosine = lengths > 0 ? products_ / lengths : (references_ == values_ ? 1.0 : 0.0);
  return stats;
}

double mean_squared_difference(std::span<const float> a, std::span<const float> b) {
  return sum_differences(a.data(), b.data(), a.size()).dd /
         static_cast<double>(std::max<size_t>(a.size(), 1));
}

}  // namespace smelt
