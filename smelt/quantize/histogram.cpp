#include "smelt/quantize/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace smelt {
namespace {

constexpr size_t kBins = 2 * static_cast<size_t>(Histogram::kSide);
constexpr int kSideBits = 10;
static_assert(Histogram::kSide == int64_t{1} << kSideBits);

}  // namespace

int Histogram::exponent_for(float largest) const {
  int exponent = 0;
  std::frexp(largest, &exponent);  // largest < 2^exponent
  return std::max(exponent_, exponent - kSideBits);
}

void Histogram::widen_to(int exponent) {
  for (; exponent_ < exponent; ++exponent_) {
    if (bins_.empty()) {
      exponent_ = exponent;
      return;
    }
    // Pairs merge towards 0: bins 2i and 2i + 1, counted from the lowest, lie side by side.
    constexpr size_t kQuarter = kBins / 4;
    std::vector<int64_t> wider(kBins, 0);
    for (size_t i = 0; i < kBins / 2; ++i) {
      wider[kQuarter + i] = bins_[2 * i] + bins_[2 * i + 1];
    }
    bins_ = std::move(wider);
  }
}

void Histogram::add(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  count_ += static_cast<int64_t>(values.size());
  if (largest == 0) return;
  widen_to(exponent_for(largest));
  bins_.resize(kBins, 0);
  const double per_width = std::ldexp(1.0, -exponent_);
  for (const float value : values) {
    if (value == 0) continue;
    const double widths = value * per_width;
    const auto whole = static_cast<int32_t>(widths);
    const int32_t floored = whole - (widths < whole ? 1 : 0);  // std::floor is a call
    ++bins_[static_cast<size_t>(floored + kSide)];
  }
}

void Histogram::merge(const Histogram& other) {
  count_ += other.count_;
  if (other.bins_.empty()) return;
  Histogram same = other;
  same.widen_to(exponent_);
  widen_to(same.exponent_);
  bins_.resize(kBins, 0);
  std::transform(bins_.begin(), bins_.end(), same.bins_.begin(), bins_.begin(), std::plus<>());
}

int64_t Histogram::zeros() const {
  return count_ - std::accumulate(bins_.begin(), bins_.end(), int64_t{0});
}

template <class F>
void Histogram::for_each_bin(F&& f) const {
  const double width = bin_width();
  for (size_t i = 0; i < bins_.size(); ++i) {
    if (bins_[i] == 0) continue;
    f((static_cast<double>(i) - kSide + 0.5) * width, static_cast<double>(bins_[i]));
  }
}

double Histogram::clamp_error(double low, double high, double step) const {
  const double inside = step * step / 12;
  double sum = 0;
  for_each_bin([&](double value, double times) {
    const double beyond = std::max({low - value, value - high, 0.0});
    sum += times * (beyond * beyond + inside);
  });
  return count_ > 0 ? sum / static_cast<double>(count_) : 0;
}

double Histogram::bin_width() const { return std::ldexp(1.0, exponent_); }

double Histogram::mean() const {
  double sum = 0;
  for_each_bin([&](double value, double times) { sum += times * value; });
  return count_ > 0 ? sum / static_cast<double>(count_) : 0;
}

double Histogram::quantile(double share) const {
  const double wanted = share * static_cast<double>(count_);
  const int64_t exact_zeros = zeros();
  double below = 0;
  for (size_t i = 0; i < bins_.size(); ++i) {
    const double left = static_cast<double>(i) - kSide;
    if (i == kSide && exact_zeros > 0) {
      below += static_cast<double>(exact_zeros);
      if (wanted <= below) return 0;
    }
    const double here = static_cast<double>(bins_[i]);
    if (here > 0 && wanted <= below + here) {
      return (left + std::max(0.0, wanted - below) / here) * bin_width();
    }
    below += here;
  }
  return 0;
}

double Histogram::variance() const {
  if (count_ == 0) return 0;
  double sum = 0;
  double squares = 0;
  for_each_bin([&](double value, double times) {
    sum += times * value;
    squares += times * value * value;
  });
  const double n = static_cast<double>(count_);
  return std::max(0.0, squares / n - (sum / n) * (sum / n));
}

}  // namespace smelt
