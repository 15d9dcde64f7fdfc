#include "smelt/quantize/debug/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "smelt/quantize/debug/elementwise.h"
#include "smelt/quantize/float_models.h"

namespace smelt {
namespace {

using Values = std::vector<float>;

TEST(ErrorStats, AreMeansOverSamplesOfEachSamplesStatistics) {
  ErrorSums sums;
  sums.add(Values{1, 2, 3, 4}, Values{1, 2, 3, 6});    // differences 0 0 0 2
  sums.add(Values{0, 0, 0, 0}, Values{-1, 1, -1, 1});  // -1 1 -1 1
  const ErrorStats stats = sums.stats();
  EXPECT_EQ(stats.num_elements, 4);
  EXPECT_DOUBLE_EQ(stats.mean_error, (0.5 + 0) / 2);
  EXPECT_DOUBLE_EQ(stats.mean_squared_error, (1.0 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(stats.max_abs_error, (2.0 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(stats.stddev, (std::sqrt(1 - 0.25) + 1) / 2);
  EXPECT_DOUBLE_EQ(stats.sqnr_db, 10 * std::log10(30.0 / 8));
  EXPECT_DOUBLE_EQ(stats.cosine, (1.0 + 4 + 9 + 24) / std::sqrt(30.0 * (50 + 4)));
}

TEST(ErrorStats, EqualValuesHaveNoError) {
  ErrorSums sums;
  sums.add(Values{1, -2}, Values{1, -2});
  EXPECT_TRUE(std::isinf(sums.stats().sqnr_db));
  EXPECT_DOUBLE_EQ(sums.stats().cosine, 1);
  EXPECT_EQ(sums.stats().stddev, 0);
}

TEST(ErrorStats, MergedSumsAreThoseOfAllSamples) {
  ErrorSums all, first, second;
  for (uint64_t i = 0; i < 4; ++i) {
    const Values a = random_values(13, i), b = random_values(13, 100 + i);
    all.add(a, b);
    (i < 2 ? first : second).add(a, b);
  }
  first.merge(second);
  EXPECT_NEAR(first.stats().stddev, all.stats().stddev, 1e-12);
  EXPECT_NEAR(first.stats().sqnr_db, all.stats().sqnr_db, 1e-12);
}

TEST(ErrorStats, MatchPlainSumsForAnySize) {
  for (const size_t size : {1u, 7u, 8u, 9u, 100u}) {
    SCOPED_TRACE(size);
    const Values a = random_values(size, 5 + size), b = random_values(size, 77 + size);
    double mean = 0, square = 0;
    for (size_t i = 0; i < size; ++i) {
      const double d = static_cast<double>(b[i]) - a[i];
      mean += d / static_cast<double>(size);
      square += d * d / static_cast<double>(size);
    }
    ErrorSums sums;
    sums.add(a, b);
    EXPECT_NEAR(sums.stats().mean_error, mean, 1e-7);
    EXPECT_NEAR(sums.stats().mean_squared_error, square, 1e-6);
    EXPECT_NEAR(mean_squared_difference(a, b), square, 1e-6);
  }
}

TEST(Elementwise, MatchesPlainLoopsForAnySize) {
  constexpr float kScale = 0.01f;
  constexpr int32_t kZero = -7;
  for (const size_t size : {1u, 7u, 16u, 45u}) {
    SCOPED_TRACE(size);
    Values values = random_values(size, 3 + size, 2);
    values[0] = 1e30f;
    std::vector<int8_t> stored(size);
    quantize_int8(values.data(), size, kScale, kZero, stored.data());
    Values back(size);
    dequantize_int8(stored.data(), size, kScale, kZero, back.data());
    for (size_t i = 0; i < size; ++i) {
      const double wanted = std::clamp(std::round(values[i] / kScale) + kZero, -128.0f, 127.0f);
      EXPECT_EQ(stored[i], wanted);
      EXPECT_EQ(back[i], kScale * static_cast<float>(stored[i] - kZero));
    }
    values[0] = 1.5f;
    const RangeSums sums = sum_range(values.data(), size, -1.2f, 1.0f, 0.1f);
    double clipped = 0, rounded = 0, squares = 0;
    for (const double v : values) {
      const double c = std::clamp(v, -1.2, 1.0), r = std::round(c / 0.1) * 0.1;
      squares += v * v;
      clipped += (c - v) * (c - v);
      rounded += (r - c) * (r - c);
    }
    EXPECT_NEAR(sums.vv, squares, 1e-5 * squares);
    EXPECT_NEAR(sums.clipped, clipped, 1e-5);
    EXPECT_NEAR(sums.rounded, rounded, 1e-5);
    EXPECT_EQ(sum_range(values.data(), size, 0, 0, 0).clipped, 0);
  }
}

TEST(Elementwise, HalvesAreRoundedAwayFromZero) {
  const Values values = {0.5f, -0.5f, 1.5f, -1.5f, 0.5f, -0.5f, 2.5f, -2.5f, 0.5f};
  std::vector<int8_t> stored(values.size());
  quantize_int8(values.data(), values.size(), 1, 0, stored.data());
  EXPECT_EQ(stored, (std::vector<int8_t>{1, -1, 2, -2, 1, -1, 3, -3, 1}));
}

}  // namespace
}  // namespace smelt
