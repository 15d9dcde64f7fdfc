#include <gtest/gtest.h>

#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

TEST(BatchNormalization, NormalizesAlongItsAxis) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  const auto value = [](float v, float gamma, float beta, float mean, float variance) {
    return gamma * (v - mean) / std::sqrt(variance + 0.5f) + beta;
  };
  TestOp last(OpType::batch_normalization, BatchNormalizationAttributes{.epsilon = 0.5f});
  last.input<float>({3, 2}, x).constant<float>({2}, {2, 3}).constant<float>({2}, {-1, 1});
  last.constant<float>({2}, {1, 2}).constant<float>({2}, {4, 9}).output<float>({3, 2});
  const auto by_last = last.run<float>();
  for (int i = 0; i < 6; ++i) {
    const float expected = i % 2 == 0 ? value(x[i], 2, -1, 1, 4) : value(x[i], 3, 1, 2, 9);
    EXPECT_NEAR(by_last[i], expected, 1e-6f) << i;
  }
  TestOp first(OpType::batch_normalization,
               BatchNormalizationAttributes{.epsilon = 0.5f, .axis = 0});
  first.input<float>({2, 3}, x).absent().absent();
  first.constant<float>({2}, {1, 2}).constant<float>({2}, {4, 9}).output<float>({2, 3});
  const auto by_first = first.run<float>();
  for (int i = 0; i < 6; ++i) {
    const float expected = i < 3 ? value(x[i], 1, 0, 1, 4) : value(x[i], 1, 0, 2, 9);
    EXPECT_NEAR(by_first[i], expected, 1e-6f) << i;
  }
}

TEST(BatchNormalization, RejectsParametersThatDoNotFit) {
  TestOp op(OpType::batch_normalization, BatchNormalizationAttributes{});
  op.input<float>({1, 2}, {1, 2}).absent().absent();
  op.constant<float>({3}, {1, 2, 3}).constant<float>({2}, {4, 9}).output<float>({1, 2});
  EXPECT_ERROR(bad_file, op.prepare());
  TestOp missing(OpType::batch_normalization, BatchNormalizationAttributes{});
  missing.input<float>({1, 2}, {1, 2}).absent().absent().absent().absent().output<float>({1, 2});
  EXPECT_ERROR(bad_file, missing.prepare());
}

}  // namespace
}  // namespace smelt
