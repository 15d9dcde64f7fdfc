#include "smelt/quantize/weight_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "smelt/base/random.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;

/// Bell-shaped with rare large values, as weights are.
std::vector<float> made_up_weights(size_t count, Random& random) {
  std::vector<float> values(count);
  for (float& value : values) {
    value = random.uniform(-1.0f, 1.0f) * random.uniform(-1.0f, 1.0f) * random.uniform(0.0f, 1.0f);
    if (random.below(50) == 0) value *= 4;
  }
  return values;
}

/// Mean squared error of values stored with the given reach, in double.
double error_of(std::span<const float> values, double reach, int bits) {
  const double most = (1 << (bits - 1)) - 1;
  const double scale = reach / most;
  double sum = 0;
  for (const double value : values) {
    const double rest = value - std::clamp(std::round(value / scale), -most, most) * scale;
    sum += rest * rest;
  }
  return sum / static_cast<double>(values.size());
}

/// The values of one slice of `axis`, gathered element by element.
std::vector<float> slice_of(std::span<const float> values, const Shape& shape, int axis,
                            int slice) {
  const int64_t inner = shape.elements(axis + 1, shape.rank());
  std::vector<float> result;
  for (size_t i = 0; i < values.size(); ++i) {
    if (static_cast<int64_t>(i) / inner % shape[axis] == slice) result.push_back(values[i]);
  }
  return result;
}

TEST(WeightReach, SlicesAreThoseOfTheAxisAndClippingNeverCostsMore) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 20; ++round) {
    const auto size = [&](uint64_t most) { return static_cast<int32_t>(1 + random.below(most)); };
    const Shape shape{size(6), size(4), size(9), size(12)};
    const auto values = made_up_weights(static_cast<size_t>(shape.elements()), random);
    const int axis = static_cast<int>(random.below(4));
    const int bits = random.below(2) ? 8 : 4;
    const std::vector<float> whole = weight_reach(values, shape, axis, bits, WeightRange::minmax);
    EXPECT_EQ(whole, max_abs(values, shape, axis));
    for (const WeightRange method : {WeightRange::mse, WeightRange::octav}) {
      const std::vector<float> reach = weight_reach(values, shape, axis, bits, method);
      ASSERT_EQ(reach.size(), whole.size());
      for (size_t s = 0; s < reach.size(); ++s) {
        const std::vector<float> slice = slice_of(values, shape, axis, static_cast<int>(s));
        EXPECT_EQ(reach[s],
                  weight_reach(slice, {static_cast<int32_t>(slice.size())}, -1, bits, method)[0]);
        EXPECT_LE(reach[s], whole[s]);
        if (method != WeightRange::mse) continue;
        EXPECT_LE(error_of(slice, reach[s], bits),
                  error_of(slice, whole[s], bits) * 1.0001 + 1e-12);
      }
    }
  }
}

TEST(WeightReach, FourBitsGainMoreFromClippingThanEight) {
  Random random(3);
  const auto values = made_up_weights(5000, random);
  const auto gain = [&](int bits, WeightRange method) {
    const float reach = weight_reach(values, {5000}, -1, bits, method)[0];
    const float whole = weight_reach(values, {5000}, -1, bits, WeightRange::minmax)[0];
    return error_of(values, whole, bits) / error_of(values, reach, bits);
  };
  EXPECT_GT(gain(4, WeightRange::mse), 1.5);
  EXPECT_GT(gain(4, WeightRange::octav), 1.5);
  EXPECT_GE(gain(4, WeightRange::mse), gain(4, WeightRange::octav) * 0.99);
  EXPECT_LT(gain(8, WeightRange::mse), gain(4, WeightRange::mse));
}

// Clipping constants of the LiteRT quantizer (0.11, 100 iterations).
TEST(WeightReach, OctavFindsTheFixedPointThatThePeerFinds) {
  std::vector<float> values(300);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(std::pow(std::sin(static_cast<double>(i)), 7) *
                                   static_cast<double>(1 + i / 100));
  }
  const auto near = [](float value) { return FloatNear(value, 1e-4f * value); };
  EXPECT_THAT(weight_reach(values, {3, 100}, 0, 4, WeightRange::octav),
              ElementsAre(near(0.97365403f), near(1.9350435f), near(2.8993843f)));
  EXPECT_THAT(weight_reach(values, {3, 100}, 0, 8, WeightRange::octav),
              ElementsAre(near(0.9994282f), near(1.9824737f), near(2.9884524f)));
}

TEST(WeightReach, BlocksLieAlongTheLastAxis) {
  const std::vector<float> values{1, -2, 3, 0, 5, 0.5f, 0, 0, 0, 7};
  EXPECT_THAT(weight_reach_blocks(values, {2, 5}, 2, 4, WeightRange::minmax),
              ElementsAre(2, 3, 5, 0.5f, 0, 7));
  Random random(8);
  const auto row = made_up_weights(64, random);
  const std::span<const float> all(row);
  for (const WeightRange method : {WeightRange::mse, WeightRange::octav}) {
    const auto blocks = weight_reach_blocks(row, {2, 32}, 16, 4, method);
    ASSERT_EQ(blocks.size(), 4u);
    EXPECT_EQ(blocks[3], weight_reach(all.subspan(48), {16}, -1, 4, method)[0]);
  }
}

TEST(WeightReach, NothingAndNextToNothing) {
  for (const WeightRange method : {WeightRange::minmax, WeightRange::mse, WeightRange::octav}) {
    EXPECT_THAT(weight_reach(std::vector<float>(6, 0.0f), {2, 3}, 0, 8, method), Each(0.0f));
    EXPECT_THAT(weight_reach(std::vector<float>(4, 1e-44f), {4}, -1, 8, method), Each(1e-44f));
    EXPECT_THAT(weight_reach(std::vector<float>{}, {0}, -1, 8, method), Each(0.0f));
  }
}

}  // namespace
}  // namespace smelt
