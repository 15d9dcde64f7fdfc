#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace smelt {

/// How often values occurred, in 2 * kSide bins of equal width around 0. The width is a power of
/// two that doubles whenever a value lies outside (pairs of bins merge, exactly), so that memory is
/// bounded and the result does not depend on the order in which values came or were merged.
class Histogram {
 public:
  static constexpr int64_t kSide = 1024;  ///< bins on each side of 0

  /// Values must be finite.
  void add(std::span<const float> values);
  void merge(const Histogram& other);

  int64_t count() const { return count_; }
  int64_t zeros() const;  ///< values that are exactly 0; they are in no bin

  /// What the mean squared error is where values are rounded to steps of `step` and clamped to
  /// [low, high]: step^2 / 12 inside (0 itself is exact), the distance from the bin's centre to the
  /// limit outside.
  double clamp_error(double low, double high, double step) const;
  double mean() const;      ///< 0 where nothing was added
  double variance() const;  ///< likewise

  /// The value that a share of all values lies below, to the width of a bin; 0 where nothing was
  /// added. share in [0, 1].
  double quantile(double share) const;

  double bin_width() const;
  /// Values in [(i - kSide) * width, (i + 1 - kSide) * width); empty, or 2 * kSide of them.
  std::span<const int64_t> bins() const { return bins_; }

 private:
  /// Calls f(centre of the bin, values in it) for every bin that holds any.
  template <class F>
  void for_each_bin(F&& f) const;
  void widen_to(int exponent);
  int exponent_for(float largest) const;

  int exponent_ = -149;  ///< bins are 2^exponent wide
  int64_t count_ = 0;
  std::vector<int64_t> bins_;  ///< empty or 2 * kSide
};

}  // namespace smelt
