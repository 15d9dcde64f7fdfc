#include "smelt/quantize/scales.h"

#include <gtest/gtest.h>

#include <limits>

namespace smelt {
namespace {

TEST(AsymmetricInt8, CoversTheRangeAndZero) {
  const Quantization q = asymmetric_int8(-1.0f, 1.55f);
  EXPECT_EQ(q.scale, std::vector<float>{2.55f / 255});
  EXPECT_EQ(q.zero_point, std::vector<int64_t>{-28});
}

// Ranges and results of TFLiteConverter (TensorFlow 2.21).
TEST(AsymmetricInt8, OneSidedRangesBeginAtZero) {
  EXPECT_EQ(asymmetric_int8(2, 10), Quantization::per_tensor(10.0f / 255, -128));
  EXPECT_EQ(asymmetric_int8(-10, -2), Quantization::per_tensor(10.0f / 255, 127));
}

TEST(AsymmetricInt8, DegenerateRangesKeepAScale) {
  EXPECT_EQ(asymmetric_int8(0, 0), Quantization::per_tensor(7.84313680668447e-09f, 0));
  const Quantization huge =
      asymmetric_int8(std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
  EXPECT_TRUE(std::isfinite(huge.scale[0]));
  EXPECT_EQ(huge.zero_point[0], -1);
}

TEST(SymmetricInt8, LargestValueBecomes127) {
  EXPECT_FLOAT_EQ(symmetric_scale(2.54f, 127), 0.02f);
  EXPECT_GT(symmetric_scale(0, 127), 0);
  EXPECT_TRUE(std::isfinite(symmetric_scale(std::numeric_limits<float>::max(), 127)));
}

TEST(WidenedWeightScale, KeepsTheBiasInHalfOfInt32) {
  EXPECT_EQ(widened_weight_scale(1.0f, 0.5f, 0.01f), 0.01f);
  const float widened = widened_weight_scale(1000.0f, 1e-6f, 1e-6f);
  EXPECT_GT(widened, 1e-6f);
  const Quantization bias = Quantization::per_tensor(bias_scale(1e-6f, widened), 0);
  EXPECT_NEAR(to_bias<int32_t>(std::vector<float>{1000}, bias)[0], 1 << 30, 1 << 8);
}

TEST(MaxAbs, PerSliceOfAnyAxis) {
  const std::vector<float> values{1, -2, 3, -4, 5, -6};
  EXPECT_EQ(max_abs(values, {2, 3}, -1), (std::vector<float>{6}));
  EXPECT_EQ(max_abs(values, {2, 3}, 0), (std::vector<float>{3, 6}));
  EXPECT_EQ(max_abs(values, {2, 3}, 1), (std::vector<float>{4, 5, 6}));
}

TEST(ToInt8, RoundsTiesAwayFromZeroAndClamps) {
  const std::vector<float> values{0.5f, -0.5f, 1.5f, 1000, -1000};
  EXPECT_EQ(to_int8(values, {5}, Quantization::per_tensor(1, 0)),
            (std::vector<int8_t>{1, -1, 2, 127, -128}));
  EXPECT_EQ(to_int8(values, {5}, Quantization::per_tensor(0.5f, -3)),
            (std::vector<int8_t>{-2, -4, 0, 127, -128}));
}

TEST(ToInt8, UsesTheScaleOfTheSlice) {
  const Quantization q{.scale = {1, 2}, .zero_point = {0, 0}, .axis = 1};
  EXPECT_EQ(to_int8(std::vector<float>{4, 4, -6, -6}, {2, 2}, q),
            (std::vector<int8_t>{4, 2, -6, -3}));
}

TEST(ToInt8, SymmetricWeightsStayAboveMinus128) {
  for (const float largest : {0.1f, 0.3f, 0.7f, 1.7f, 123.456f, 3e-7f}) {
    const Quantization q = Quantization::per_tensor(symmetric_scale(largest, 127), 0);
    const auto stored = to_int8(std::vector<float>{-largest, largest}, {2}, q);
    EXPECT_GE(stored[0], -127) << largest;
    EXPECT_EQ(stored[0], -stored[1]);
  }
}

TEST(ToInt32, OneScaleOrOnePerValue) {
  const std::vector<float> values{1, -1};
  EXPECT_EQ(to_bias<int32_t>(values, Quantization::per_tensor(0.5f, 0)),
            (std::vector<int32_t>{2, -2}));
  EXPECT_EQ(to_bias<int32_t>(values, {.scale = {0.25f, 1e-12f}, .zero_point = {0, 0}}),
            (std::vector<int32_t>{4, -std::numeric_limits<int32_t>::max()}));
}

}  // namespace
}  // namespace smelt
