#include "smelt/quantize/debug/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace smelt {
namespace {

constexpr size_t kLanes = 8;  ///< independent sums, which a compiler turns into vectors
using Lanes = std::array<double, kLanes>;

double total(const Lanes& lanes) {
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

/// Sums over one sample.
struct Sample {
  Lanes errors{}, squares{}, references{}, values{}, products{};
  std::array<float, kLanes> largest{};

  void add(size_t lane, float reference, float value) {
    const float difference = value - reference;
    largest[lane] = std::max(largest[lane], std::abs(difference));
    const double d = difference, r = reference, v = value;
    errors[lane] += d;
    squares[lane] += d * d;
    references[lane] += r * r;
    values[lane] += v * v;
    products[lane] += r * v;
  }
};

}  // namespace

void ErrorSums::add(std::span<const float> reference, std::span<const float> values) {
  Sample sums;
  const size_t size = reference.size();
  const size_t whole = size / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      sums.add(lane, reference[i + lane], values[i + lane]);
    }
  }
  for (size_t i = whole; i < size; ++i) sums.add(i - whole, reference[i], values[i]);

  const auto count = static_cast<double>(size);
  const double mean = total(sums.errors) / count;
  const double mean_square = total(sums.squares) / count;
  ++samples_;
  elements_ = static_cast<int64_t>(size);
  stddev_ += std::sqrt(std::max(mean_square - mean * mean, 0.0));
  mean_ += mean;
  largest_ += *std::max_element(sums.largest.begin(), sums.largest.end());
  mean_square_ += mean_square;
  errors_ += total(sums.squares);
  references_ += total(sums.references);
  values_ += total(sums.values);
  products_ += total(sums.products);
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
  Lanes sums{};
  const auto add = [&](size_t lane, size_t i) {
    const double d = static_cast<double>(a[i] - b[i]);
    sums[lane] += d * d;
  };
  const size_t whole = a.size() / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) add(lane, i + lane);
  }
  for (size_t i = whole; i < a.size(); ++i) add(i - whole, i);
  return total(sums) / static_cast<double>(std::max<size_t>(a.size(), 1));
}

}  // namespace smelt
