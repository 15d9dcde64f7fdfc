#include "smelt/compress/pruning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "smelt/base/random.h"

namespace smelt::compress {
namespace {

using testing::ElementsAre;

std::vector<float> random_values(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

int64_t zeros(const std::vector<uint8_t>& mask) {
  return std::count(mask.begin(), mask.end(), uint8_t{0});
}

TEST(SparsitySchedule, ConstantChoosesFromBeginOn) {
  const SparsitySchedule schedule{.final_sparsity = 0.5, .begin_step = 10, .frequency = 5};
  EXPECT_FALSE(schedule.chooses_at(5));
  EXPECT_TRUE(schedule.chooses_at(10));
  EXPECT_FALSE(schedule.chooses_at(12));
  EXPECT_TRUE(schedule.chooses_at(1015));
  EXPECT_EQ(schedule.sparsity(9), 0);
  EXPECT_EQ(schedule.sparsity(10), 0.5);
}

// tfmot 0.8.1: PolynomialDecay(0.2, 0.8, 10, 110, 3, 20)(step) for these steps.
TEST(SparsitySchedule, PolynomialIsThatOfTfmot) {
  const SparsitySchedule schedule{.polynomial = true,
                                  .initial_sparsity = 0.2,
                                  .final_sparsity = 0.8,
                                  .begin_step = 10,
                                  .end_step = 110,
                                  .frequency = 20};
  const std::vector<std::pair<int64_t, double>> expected = {
      {0, 0.2}, {10, 0.2}, {30, 0.4928}, {60, 0.725}, {90, 0.7952}, {110, 0.8}, {200, 0.8}};
  for (const auto& [step, sparsity] : expected) {
    EXPECT_NEAR(schedule.sparsity(step), sparsity, 1e-6) << step;
  }
  EXPECT_TRUE(schedule.chooses_at(110));
  EXPECT_FALSE(schedule.chooses_at(130));
}

TEST(SparsitySchedule, RefusesWhatCannotBe) {
  EXPECT_THROW((SparsitySchedule{.final_sparsity = 1.0}.check()), Error);
  EXPECT_THROW((SparsitySchedule{.final_sparsity = std::nan("")}.check()), Error);
  EXPECT_THROW((SparsitySchedule{.frequency = 0}.check()), Error);
  EXPECT_THROW((SparsitySchedule{.polynomial = true}.check()), Error);
  EXPECT_THROW((SparsitySchedule{.begin_step = 5, .end_step = 4}.check()), Error);
}

// Kept by tfmot: max(1, round(size (1 - sparsity))), where halves go to the even neighbour.
TEST(PrunedCount, RoundsAsTfmot) {
  EXPECT_EQ(pruned_count(100, 0.5), 50);
  EXPECT_EQ(pruned_count(25, 0.5), 13);
  EXPECT_EQ(pruned_count(27, 0.5), 13);
  EXPECT_EQ(pruned_count(10, 0.99), 9);
  EXPECT_EQ(pruned_count(432, 0.8), 346);
  EXPECT_EQ(pruned_count(0, 0.5), 0);
  EXPECT_EQ(pruned_count(7, 0), 0);
}

TEST(MagnitudeMask, PrunesExactlyTheSmallest) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto size = static_cast<int64_t>(1 + random.below(500));
    const double sparsity = random.uniform() * 0.99;
    const std::vector<float> values = random_values(size, seed);
    const std::vector<uint8_t> mask = magnitude_mask(values, sparsity);
    EXPECT_EQ(zeros(mask), pruned_count(size, sparsity));
    float largest_pruned = 0, smallest_kept = 2;
    for (size_t i = 0; i < values.size(); ++i) {
      const float size_of = std::fabs(values[i]);
      if (mask[i] == 0) largest_pruned = std::max(largest_pruned, size_of);
      if (mask[i] != 0) smallest_kept = std::min(smallest_kept, size_of);
    }
    EXPECT_LE(largest_pruned, smallest_kept);
  }
}

TEST(MagnitudeMask, KeepsTheFirstOfEqualOnes) {
  EXPECT_THAT(magnitude_mask(std::vector<float>{1, -1, 1, -1}, 0.5), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(magnitude_mask(std::vector<float>{1, NAN, 2, 0}, 0.75), ElementsAre(0, 1, 0, 0));
}

TEST(GlobalMasks, ShareOneThreshold) {
  const std::vector<float> small = {0.1f, -0.2f, 0.3f}, large = {4, -5, 0.25f};
  const std::vector<std::span<const float>> tensors = {small, large};
  const auto masks = global_masks(tensors, 0.5);
  EXPECT_THAT(masks[0], ElementsAre(0, 0, 1));
  EXPECT_THAT(masks[1], ElementsAre(1, 1, 0));
}

TEST(PatternMask, BlocksLiveOrDieWhole) {
  const KernelMatrix kernel{.rows = 6, .cols = 10, .row_stride = 10, .run = 10};
  const std::vector<float> values = random_values(60, 3);
  const PrunePattern pattern{.block_cols = 4};
  const std::vector<uint8_t> mask = pattern_mask(values, kernel, pattern, 0.5);
  int64_t pruned = 0;
  for (size_t r = 0; r < 6; ++r) {
    for (size_t c = 0; c < 10; c += 4) {
      pruned += mask[r * 10 + c] == 0;
      for (size_t i = c; i < std::min<size_t>(10, c + 4); ++i) {
        EXPECT_EQ(mask[r * 10 + i], mask[r * 10 + c]);
      }
    }
  }
  EXPECT_EQ(pruned, pruned_count(18, 0.5));
}

TEST(PatternMask, PoolsBlocksByAverageOrMaximum) {
  const KernelMatrix kernel{.rows = 1, .cols = 4, .row_stride = 4, .run = 4};
  const std::vector<float> values = {1.0f, 0, 0.6f, -0.6f};
  PrunePattern pattern{.block_cols = 2};
  EXPECT_THAT(pattern_mask(values, kernel, pattern, 0.5), ElementsAre(0, 0, 1, 1));
  pattern.pooling = PrunePattern::Pooling::max;
  EXPECT_THAT(pattern_mask(values, kernel, pattern, 0.5), ElementsAre(1, 1, 0, 0));
}

TEST(PatternMask, TwoOfFourAlongTheInputAxis) {
  // A convolution [O=3,H=2,W=2,I=6]: runs of 6 hold one group of 4 and a rest of 2, which counts as
  // two zeros already.
  const KernelMatrix kernel{.rows = 3, .cols = 24, .row_stride = 24, .run = 6};
  const std::vector<float> values = random_values(72, 11);
  const PrunePattern pattern{.zeros_in_group = 2, .group = 4};
  const std::vector<uint8_t> mask = pattern_mask(values, kernel, pattern, 0);
  for (size_t run = 0; run < 72; run += 6) {
    EXPECT_EQ(std::count(mask.begin() + run, mask.begin() + run + 4, 0), 2) << run;
    EXPECT_EQ(std::count(mask.begin() + run + 4, mask.begin() + run + 6, 0), 0) << run;
  }
  const std::vector<uint8_t> one =
      pattern_mask(std::vector<float>{0, 0, 0, 0},
                   {.rows = 1, .cols = 4, .row_stride = 4, .run = 4}, pattern, 0);
  EXPECT_THAT(one, ElementsAre(1, 1, 0, 0));
}

TEST(PatternMask, RefusesWhatCannotBe) {
  EXPECT_THROW((PrunePattern{.block_rows = 0}.check()), Error);
  EXPECT_THROW((PrunePattern{.zeros_in_group = 4, .group = 4}.check()), Error);
  EXPECT_THROW((PrunePattern{.block_cols = 2, .zeros_in_group = 2, .group = 4}.check()), Error);
}

TEST(KernelMatrix, KnowsTheLayoutsOfKernels) {
  const KernelMatrix conv = kernel_matrix(
      Op{.type = OpType::conv_2d, .attributes = Conv2DAttributes{}}, Shape{8, 3, 3, 4});
  EXPECT_EQ(conv.rows, 8);
  EXPECT_EQ(conv.cols, 36);
  EXPECT_EQ(conv.run, 4);
  EXPECT_EQ(conv.index(1, 2), 38);
  const KernelMatrix depthwise = kernel_matrix(
      Op{.type = OpType::depthwise_conv_2d, .attributes = DepthwiseConv2DAttributes{}},
      Shape{1, 3, 3, 8});
  EXPECT_EQ(depthwise.rows, 8);
  EXPECT_EQ(depthwise.cols, 9);
  EXPECT_EQ(depthwise.index(1, 2), 17);
  EXPECT_TRUE(depthwise.depthwise);
}

TEST(FitsGlob, KnowsStarsAndQuestionMarks) {
  EXPECT_TRUE(fits_glob("conv2d*", "conv2d_3/kernel"));
  EXPECT_TRUE(fits_glob("*/kernel", "dense/kernel"));
  EXPECT_TRUE(fits_glob("*a*b", "xaxbxab"));
  EXPECT_TRUE(fits_glob("conv?", "conv1"));
  EXPECT_TRUE(fits_glob("**", ""));
  EXPECT_FALSE(fits_glob("conv?", "conv"));
  EXPECT_FALSE(fits_glob("conv", "conv1"));
  EXPECT_FALSE(fits_glob("", "a"));
}

}  // namespace
}  // namespace smelt::compress
