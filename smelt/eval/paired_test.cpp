#include "smelt/eval/paired.h"

#include <gtest/gtest.h>

#include <vector>

namespace smelt {
namespace {

/// `lost` samples that only the first gets right, `gained` that only the second does, of n.
PairedComparison compare(int64_t lost, int64_t gained, int64_t n) {
  std::vector<uint8_t> first(static_cast<size_t>(n), 1), second(static_cast<size_t>(n), 1);
  for (int64_t i = 0; i < lost; ++i) second[static_cast<size_t>(i)] = 0;
  for (int64_t i = lost; i < lost + gained; ++i) first[static_cast<size_t>(i)] = 0;
  return compare_paired(first, second);
}

TEST(ComparePaired, DropAndItsInterval) {
  const PairedComparison c = compare(30, 10, 1000);
  EXPECT_EQ(c.lost, 30);
  EXPECT_EQ(c.gained, 10);
  EXPECT_DOUBLE_EQ(c.drop, 0.02);
  EXPECT_NEAR(c.interval.low, 0.02 - 0.01233, 1e-5);  // 1.96 sqrt(40 - 400 / 1000) / 1000
  EXPECT_NEAR(c.interval.high, 0.02 + 0.01233, 1e-5);
}

TEST(ComparePaired, ExactProbabilityOfFewDifferences) {
  EXPECT_NEAR(compare(8, 2, 100).p_value, 2 * (1 + 10 + 45) / 1024.0, 1e-9);
  EXPECT_DOUBLE_EQ(compare(3, 3, 100).p_value, 1);
  EXPECT_DOUBLE_EQ(compare(0, 0, 100).p_value, 1);
}

TEST(ComparePaired, ChiSquareOfMany) {
  // (|59 - 6| - 1)^2 / 65 = 41.6
  EXPECT_NEAR(compare(59, 6, 1000).p_value, 1.12e-10, 1e-11);
  EXPECT_NEAR(compare(25, 15, 1000).p_value, 0.1547, 1e-3);
}

}  // namespace
}  // namespace smelt
