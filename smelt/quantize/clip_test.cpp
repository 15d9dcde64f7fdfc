#include "smelt/quantize/clip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "smelt/base/random.h"
#include "smelt/quantize/divergence.h"

namespace smelt {
namespace {

TensorStats stats_of(const std::vector<float>& values) {
  TensorStats stats{.count = static_cast<int64_t>(values.size())};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  stats.min = *low;
  stats.max = *high;
  stats.histogram.add(values);
  return stats;
}

Range whole_of(const TensorStats& stats) { return {stats.min, stats.max}; }

Range clipped(RangeMethod method, const TensorStats& stats, double percentile = 99.99,
              int levels = kInt8Levels) {
  const TensorStats* only[] = {&stats};
  return clipped_range({.ranges = method, .percentile = percentile}, only, whole_of(stats), levels);
}

/// Bell-shaped values around `centre`, and a few far away.
std::vector<float> with_outliers(size_t count, float centre, Random& random) {
  std::vector<float> values(count);
  for (float& value : values) {
    float sum = 0;
    for (int i = 0; i < 6; ++i) sum += random.uniform(-1.0f, 1.0f);
    value = centre + sum;
  }
  values.push_back(60);
  values.push_back(-30);
  return values;
}

TEST(ClippedRange, IsPartOfTheWholeWhateverTheMethod) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 10; ++round) {
    TensorStats stats = stats_of(with_outliers(20000, random.uniform(-3.0f, 3.0f), random));
    for (int i = 0; i < 20; ++i) {
      stats.by_sample.push_back({random.uniform(-30.0f, 0.0f), random.uniform(0.0f, 60.0f)});
    }
    for (const RangeMethod method : {RangeMethod::minmax, RangeMethod::mse, RangeMethod::percentile,
                                     RangeMethod::moving_average, RangeMethod::entropy}) {
      const Range range = clipped(method, stats);
      EXPECT_GE(range.min, stats.min) << name(method);
      EXPECT_LE(range.max, stats.max) << name(method);
      EXPECT_LT(range.min, range.max) << name(method);
      if (method == RangeMethod::minmax) {
        EXPECT_EQ(range, whole_of(stats));
      } else {
        EXPECT_LT(range.max, 60) << name(method);
      }
    }
  }
}

TEST(ClippedRange, PercentileCutsHalfOfTheRestAtEitherEnd) {
  std::vector<float> values(20000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 20000 - 0.25f;
  const Range range = clipped(RangeMethod::percentile, stats_of(values), 98);
  EXPECT_NEAR(range.min, -0.24, 0.002);
  EXPECT_NEAR(range.max, 0.74, 0.002);
  EXPECT_EQ(clipped(RangeMethod::percentile, stats_of(values), 100), whole_of(stats_of(values)));
}

TEST(ClippedRange, PercentileCountsExactZeros) {
  std::vector<float> values(1000, 0.0f);
  values[3] = 100;
  for (size_t i = 10; i < 30; ++i) values[i] = 1;
  const Range range = clipped(RangeMethod::percentile, stats_of(values), 99);
  EXPECT_EQ(range.min, 0);
  EXPECT_NEAR(range.max, 1, 0.2);  // bins are 0.125 wide
}

// By hand: 10 + 0.05 * (20 - 10), then 0.05 * (0 - 10.5) more.
TEST(ClippedRange, MovingAverageFollowsTheOrderOfSamples) {
  TensorStats stats{.count = 3, .min = -2, .max = 20};
  stats.by_sample = {{-1, 10}, {-2, 20}, {0, 0}};
  const Range range = clipped(RangeMethod::moving_average, stats);
  EXPECT_FLOAT_EQ(range.max, 9.975f);
  EXPECT_FLOAT_EQ(range.min, -0.9975f);
  std::reverse(stats.by_sample.begin(), stats.by_sample.end());
  EXPECT_NE(clipped(RangeMethod::moving_average, stats), range);
}

TEST(ClippedRange, TensorsThatShareAScaleGetAHull) {
  TensorStats low{.count = 1, .min = -4, .max = 1};
  low.by_sample = {{-4, 1}};
  TensorStats high{.count = 1, .min = -1, .max = 8};
  high.by_sample = {{-1, 8}};
  const TensorStats* both[] = {&low, &high};
  EXPECT_EQ(clipped_range({.ranges = RangeMethod::moving_average}, both, {-4, 8}), (Range{-4, 8}));
}

TEST(ClippedRange, IsTheWholeWhereNothingIsKnown) {
  const TensorStats range_only{.count = 5, .min = -1, .max = 3};
  for (const RangeMethod method : {RangeMethod::mse, RangeMethod::moving_average,
                                   RangeMethod::percentile, RangeMethod::entropy}) {
    EXPECT_EQ(clipped(method, range_only), whole_of(range_only)) << name(method);
  }
}

TEST(ClippedRange, SixteenBitsCutNextToNothing) {
  Random random(5);
  const TensorStats stats = stats_of(with_outliers(20000, 0, random));
  EXPECT_GT(clipped(RangeMethod::mse, stats, 0, kInt16Levels).max,
            clipped(RangeMethod::mse, stats).max);
  EXPECT_EQ(clipped(RangeMethod::entropy, stats, 0, kInt16Levels), whole_of(stats));
}

// Worked by hand: bins of width 1 hold 4, 4, 4, 4 and, far away, 1 value.
TEST(ClipDivergence, IsTheDefinitionInASmallCase) {
  Histogram histogram;
  for (const float value : {0.5f, 1.5f, 2.5f, 3.5f}) {
    histogram.add(std::vector<float>(value < 2 ? 4 : 2, value));
  }
  histogram.add(std::vector<float>{1000});  // makes bins one wide
  ASSERT_EQ(histogram.bin_width(), 1);
  const double outlier = 3.0 / 13 * std::log(3.0 / 13 / (2.0 / 12));
  const double others = 10.0 / 13 * std::log(12.0 / 13);
  EXPECT_NEAR(clip_divergence(histogram, 0, 4, 2), outlier + others, 1e-12);
  // One step for all four: Q is 3 everywhere.
  const double one_step = 2 * 4.0 / 13 * std::log(4.0 / 13 * 4) +
                          2.0 / 13 * std::log(2.0 / 13 * 4) + 3.0 / 13 * std::log(3.0 / 13 * 4);
  EXPECT_NEAR(clip_divergence(histogram, 0, 4, 1), one_step, 1e-12);
  EXPECT_EQ(clip_divergence(Histogram(), 0, 1, 256), 0);
}

TEST(Quantile, IsExactToABin) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  std::vector<float> values = with_outliers(3000, 0.5f, random);
  values.insert(values.end(), 700, 0.0f);
  const TensorStats stats = stats_of(values);
  std::sort(values.begin(), values.end());
  for (const double share : {0.001, 0.1, 0.3, 0.5, 0.9, 0.999}) {
    const auto at = static_cast<size_t>(share * static_cast<double>(values.size()));
    const double found = stats.histogram.quantile(share);
    EXPECT_GE(found, values[at - 1] - stats.histogram.bin_width()) << share;
    EXPECT_LE(found, values[at + 1] + stats.histogram.bin_width()) << share;
  }
}

}  // namespace
}  // namespace smelt
