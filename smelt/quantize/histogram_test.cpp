#include "smelt/quantize/histogram.h"

#include <cmath>
#include <random>

#include "gtest/gtest.h"
#include "smelt/quantize/clip.h"

namespace smelt {
namespace {

std::vector<float> normal_values(size_t count, float deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

Histogram of(std::span<const float> values) {
  Histogram histogram;
  histogram.add(values);
  return histogram;
}

double true_error(std::span<const float> values, double low, double high) {
  const double step = (high - low) / 255;
  double sum = 0;
  for (const double value : values) {
    const double stored = std::round((std::clamp(value, low, high) - low) / step) * step + low;
    sum += (stored - value) * (stored - value);
  }
  return sum / static_cast<double>(values.size());
}

TEST(Histogram, OrderAndPartsDoNotMatter) {
  std::vector<float> values = normal_values(5000, 1, 3);
  values.push_back(1000);
  values.push_back(-1e-20f);
  values.push_back(0);
  Histogram whole = of(values);
  Histogram parts;
  std::vector<float> reversed(values.rbegin(), values.rend());
  for (size_t i = 0; i < reversed.size(); i += 7) {
    parts.merge(of(std::span(reversed).subspan(i, std::min<size_t>(7, reversed.size() - i))));
  }
  EXPECT_EQ(parts.count(), whole.count());
  EXPECT_EQ(parts.zeros(), 1);
  EXPECT_EQ(parts.variance(), whole.variance());
  for (const double limit : {0.1, 1.0, 30.0, 1000.0}) {
    EXPECT_EQ(parts.clamp_error(-limit, limit, 0), whole.clamp_error(-limit, limit, 0));
  }
}

TEST(Histogram, VarianceAndErrorOfNormalValues) {
  const std::vector<float> values = normal_values(100000, 2, 5);
  const Histogram histogram = of(values);
  EXPECT_NEAR(histogram.variance(), 4, 0.1);
  for (const double limit : {2.0, 5.0, 9.0}) {
    const double expected = true_error(values, -limit, limit);
    EXPECT_NEAR(histogram.clamp_error(-limit, limit, 2 * limit / 255), expected, 0.05 * expected)
        << limit;
  }
}

TEST(Histogram, HoldsExtremeValues) {
  Histogram histogram;
  histogram.add(std::vector<float>{3e38f, -3e38f, 1e-45f});
  EXPECT_EQ(histogram.count(), 3);
  EXPECT_TRUE(std::isfinite(histogram.variance()));
  EXPECT_EQ(Histogram().variance(), 0);
  EXPECT_EQ(Histogram().clamp_error(0, 1, 0.1), 0);
}

TEST(LeastErrorRange, KeepsEvenValuesAndCutsOutliers) {
  std::vector<float> even(10000);
  for (size_t i = 0; i < even.size(); ++i) even[i] = static_cast<float>(i) / 10000;
  const Histogram flat = of(even);
  const Histogram* flat_only[] = {&flat};
  EXPECT_EQ(least_error_range(flat_only, {0, 1}).max, 1);

  std::vector<float> rare = normal_values(100000, 1, 9);
  rare.push_back(60);
  const Histogram tailed = of(rare);
  const Histogram* tailed_only[] = {&tailed};
  const Range cut = least_error_range(tailed_only, {-10, 60});
  EXPECT_LT(cut.max, 60);
  EXPECT_NEAR(cut.min / cut.max, -10.0 / 60, 1e-6);
  EXPECT_LT(true_error(rare, cut.min, cut.max), true_error(rare, -10, 60));
}

TEST(LeastErrorRange, HeedsTheSmallerOfTensorsThatShareAScale) {
  const Histogram wide = of(normal_values(100000, 4, 1));
  const Histogram narrow = of(normal_values(100000, 0.25, 2));
  const Histogram* wide_only[] = {&wide};
  const Histogram* both[] = {&wide, &narrow};
  const Range whole{-20, 20};
  EXPECT_LT(least_error_range(both, whole).max, least_error_range(wide_only, whole).max);
  EXPECT_EQ(least_error_range({}, whole).max, 20);
}

}  // namespace
}  // namespace smelt
