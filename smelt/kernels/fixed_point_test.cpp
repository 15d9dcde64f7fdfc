#include "smelt/kernels/fixed_point.h"

#include <gtest/gtest.h>

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

TEST(FixedPoint, MultipliersAreNearest) {
  EXPECT_EQ(quantize_multiplier(0.0), (FixedMultiplier{0, 0}));
  EXPECT_EQ(quantize_multiplier(1.0), (FixedMultiplier{1 << 30, 1}));
  EXPECT_EQ(quantize_multiplier(0.5), (FixedMultiplier{1 << 30, 0}));
  EXPECT_EQ(quantize_multiplier(0.75), (FixedMultiplier{3 << 29, 0}));
  // Rounds up to 2^31, which becomes 2^30 and one more to the left.
  EXPECT_EQ(quantize_multiplier(1.0 - 1e-12), (FixedMultiplier{1 << 30, 1}));
  EXPECT_EQ(quantize_multiplier(std::ldexp(1.0, -32)), (FixedMultiplier{1 << 30, -31}));
  EXPECT_EQ(quantize_multiplier(std::ldexp(1.0, -33)), FixedMultiplier{});
  EXPECT_ERROR(bad_file, quantize_multiplier(std::ldexp(1.0, 40)));
  EXPECT_ERROR(bad_file, quantize_multiplier(std::numeric_limits<double>::infinity()));
  EXPECT_ERROR(bad_file, quantize_multiplier(std::numeric_limits<double>::quiet_NaN()));
}

TEST(FixedPoint, RoundsLikeGemmlowp) {
  EXPECT_EQ(rounding_divide_by_pot(5, 1), 3);
  EXPECT_EQ(rounding_divide_by_pot(-5, 1), -3);  // half away from zero
  EXPECT_EQ(rounding_divide_by_pot(-6, 2), -2);
  EXPECT_EQ(rounding_divide_by_pot(7, 0), 7);
  EXPECT_EQ(rounding_divide_by_pot(INT32_MIN, 31), -1);
  EXPECT_EQ(saturating_rounding_doubling_high_mul(INT32_MIN, INT32_MIN), INT32_MAX);
  EXPECT_EQ(saturating_rounding_doubling_high_mul(1, 1 << 30), 1);
  EXPECT_EQ(saturating_rounding_doubling_high_mul(-1, 1 << 30), 0);
  EXPECT_EQ(apply_multiplier(7, {1 << 30, 1}), 7);
  EXPECT_EQ(apply_multiplier(int64_t{7} << 20, {1 << 30, -19}), 7);
}

TEST(FixedPoint, ActivationBoundsAreRoundedInFloat) {
  const Quantization q = Quantization::per_tensor(6.0f / 255, -128);
  const Operand y{.name = "y", .type = DataType::int8, .quantization = &q};
  EXPECT_EQ(activation_range(Activation::relu6, y).low, -128);
  EXPECT_EQ(activation_range(Activation::relu6, y).high, 127);
  EXPECT_EQ(activation_range(Activation::relu_n1_to_1, y).high, -128 + 43);  // 42.5 rounds up
  EXPECT_EQ(activation_range(Activation::none, y).low, -128);
  EXPECT_ERROR(bad_file, quantize_bound(6.0f, 1e-10f, 0));
}

/// The vector form against apply_multiplier for one matrix product of depth 0, whose sums are the
/// biases.
TEST(FixedPoint, VectorsRequantizeAlike) {
  for_random_cases(1, [](TestRandom& random) {
    const int64_t columns = random.between(1, 70);
    std::vector<int32_t> sums;
    std::vector<FixedMultiplier> multipliers;
    for (int64_t i = 0; i < columns; ++i) {
      const int shift = random.between(-31, 30);
      multipliers.push_back({random.between(1 << 30, INT32_MAX), shift});
      switch (random.below(4)) {
        case 0:
          sums.push_back(random.between(INT32_MIN, INT32_MAX));
          break;
        case 1:
          sums.push_back(random.between(-300, 300));
          break;
        case 2:  // near a tie
          multipliers.back() = {1 << 30, shift};
          sums.push_back(wrapping_add(
              wrapping_shift_left(2 * random.between(-60, 60) + 1, std::max(-shift, 0)),
              random.between(-1, 1)));
          break;
        default:
          sums.push_back(random.below(2) ? INT32_MIN : INT32_MAX);
      }
    }
    if (random.below(2)) {
      for (FixedMultiplier& m : multipliers) m.shift = std::min(m.shift, 0);
    }
    const int32_t zero = random.between(-128, 127);
    const IntRange range{random.between(-128, 0), random.between(0, 127)};
    for_each_target([&] {
      const IntGemm gemm = pack_int_gemm(
          columns, 0, 1,
          {.bias = sums.data(), .multipliers = multipliers, .zero = zero, .range = range},
          [](int64_t, int64_t) { return 0; });
      std::vector<int8_t> y(columns);
      const int16_t* nothing = nullptr;
      gemm.run(gemm, {.segments = &nothing}, 1, y.data(), columns);
      for (int64_t i = 0; i < columns; ++i) {
        const int32_t expected =
            clamp(wrapping_add(apply_multiplier(sums[i], multipliers[i]), zero), range);
        ASSERT_EQ(y[i], expected) << sums[i] << " * " << multipliers[i].multiplier << " << "
                                  << multipliers[i].shift;
      }
    });
  });
}

TEST(Gemm, TargetsHaveTheirOwnWidths) {
  std::vector<int> lanes;
  for_each_target([&] { lanes.push_back(gemm_kernels().lanes); });
  EXPECT_EQ(*std::ranges::max_element(lanes), gemm_kernels().lanes);
}

}  // namespace
}  // namespace smelt
