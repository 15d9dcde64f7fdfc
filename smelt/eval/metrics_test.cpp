#include "smelt/eval/metrics.h"

#include <gtest/gtest.h>

namespace smelt {
namespace {

TEST(WilsonInterval, AgreesWithPublishedValues) {
  // R: prop.test(8719, 10000, correct = FALSE)$conf.int
  const Interval i = wilson_interval(8719, 10000);
  EXPECT_NEAR(i.low, 0.8652, 5e-5);
  EXPECT_NEAR(i.high, 0.8783, 5e-5);
}

TEST(WilsonInterval, StaysInsideZeroAndOne) {
  EXPECT_NEAR(wilson_interval(0, 10).low, 0, 1e-12);
  EXPECT_NEAR(wilson_interval(0, 10).high, 0.2775, 1e-4);
  EXPECT_NEAR(wilson_interval(10, 10).high, 1, 1e-12);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(ConfusionMatrix, RowsAreTruth) {
  ConfusionMatrix m(3);
  m.add(0, 0);
  m.add(0, 2);
  m.add(2, 2);
  EXPECT_EQ(m.count(0, 2), 1);
  EXPECT_EQ(m.count(2, 0), 0);
  EXPECT_EQ(m.total(0), 2);
}

}  // namespace
}  // namespace smelt
