#include "smelt/kernels/litert_rules.h"

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

Quantization q(float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); }

TEST(LiteRtRules, ScalesRoundTiesToEven) {
  const IntRange bytes{-128, 127};
  EXPECT_EQ(apply_scale(5, 0.5f, 0, bytes), 2);
  EXPECT_EQ(apply_scale(7, 0.5f, 0, bytes), 4);
  EXPECT_EQ(apply_scale(-5, 0.5f, 0, bytes), -2);
  EXPECT_EQ(apply_scale(-5, 0.5f, 10, bytes), 8);  // the zero point comes after rounding
  EXPECT_EQ(apply_scale(INT32_MAX, 1e10f, 3, bytes), 127);
  EXPECT_EQ(apply_scale(INT32_MIN, 1e10f, 3, bytes), -128);
  EXPECT_EQ(apply_scale(0, 1e10f, 3, bytes), 3);
}

TEST(LiteRtRules, ActivationBoundsAreRoundedWithTheZeroPoint) {
  const Quantization scale = q(0.4f, -128);
  const Operand y{.name = "y", .type = DataType::int8, .quantization = &scale};
  EXPECT_EQ(activation_range(Activation::relu_n1_to_1, y).high, -125);  // 2.5 away from zero
  EXPECT_EQ(xnnpack_range(Activation::relu_n1_to_1, y).high, -126);     // -125.5 to even
  EXPECT_EQ(xnnpack_range(Activation::none, y).low, -128);
  EXPECT_EQ(xnnpack_range(Activation::none, y).high, 127);
}

/// The vector form against apply_scale for one matrix product of depth 0, whose sums are the
/// biases.
TEST(LiteRtRules, VectorsScaleAlike) {
  for_random_cases(1, [](TestRandom& random) {
    const int64_t columns = random.between(1, 70);
    std::vector<int32_t> sums;
    std::vector<float> scales;
    for (int64_t i = 0; i < columns; ++i) {
      scales.push_back(std::ldexp(random.uniform(0.5f, 1.0f), random.between(-20, 7)));
      sums.push_back(random.below(2) ? random.between(INT32_MIN, INT32_MAX)
                                     : random.between(-3000, 3000));
      if (random.below(4) == 0) {
        scales.back() = std::ldexp(0.5f, random.between(-8, 0));  // often half way
      }
    }
    const int32_t zero = random.between(-128, 127);
    const IntRange range{random.between(-128, 0), random.between(0, 127)};
    for_each_target([&] {
      const IntGemm gemm = pack_int_gemm(
          columns, 0, 1, {.bias = sums.data(), .scales = scales, .zero = zero, .range = range},
          [](int64_t, int64_t) { return 0; });
      std::vector<int8_t> y(static_cast<size_t>(columns));
      const int16_t* nothing = nullptr;
      gemm.run(gemm, {.segments = &nothing}, 1, y.data(), columns);
      for (size_t i = 0; i < y.size(); ++i) {
        ASSERT_EQ(y[i], apply_scale(sums[i], scales[i], zero, range))
            << sums[i] << " * " << scales[i];
      }
    });
  });
}

/// Sums and products in vectors against the plain formulas, and near the real result.
TEST(LiteRtRules, SumsAndProductsInVectors) {
  for_random_cases(2, [](TestRandom& random) {
    const int32_t count = random.between(1, 100);
    const OpType type = random.below(2) ? OpType::add : OpType::mul;
    const auto a = random.integers<int8_t>(count), b = random.integers<int8_t>(count);
    const Quantization qa = q(random.uniform(0.01f, 0.1f), random.between(-128, 127));
    const Quantization qb = q(random.uniform(0.01f, 0.1f), random.between(-128, 127));
    const Quantization qy = q(random.uniform(0.02f, 0.2f), random.between(-128, 127));
    TestOp op(type, default_attributes(type));
    op.follow(Numerics::litert).input<int8_t>({count}, a, qa).input<int8_t>({count}, b, qb);
    op.output<int8_t>({count}, qy);
    const auto plain = op.run<int8_t>(KernelChoice::plain);
    for_each_target([&] { ASSERT_EQ(op.run<int8_t>(), plain); });
    for (size_t i = 0; i < plain.size(); ++i) {
      const auto real = [](const Quantization& s, int v) {
        return static_cast<double>(s.scale[0]) * static_cast<double>(v - s.zero_point[0]);
      };
      const double ra = real(qa, a[i]), rb = real(qb, b[i]);
      const double y = (type == OpType::add ? ra + rb : ra * rb) / static_cast<double>(qy.scale[0]);
      ASSERT_TRUE(stored_right(plain[i], y + static_cast<double>(qy.zero_point[0]), {-128, 127}));
    }
  });
}

/// A dense layer of one weight whose result lies half way between two stored values.
int8_t half_way(TestOp& op, Quantization weights, Quantization bias) {
  op.input<int8_t>({1, 1}, {1}, q(1.0f, 0)).constant<int8_t>({1, 1}, {5}, std::move(weights));
  op.constant<int32_t>({1}, {0}, std::move(bias)).output<int8_t>({1, 1}, q(2.0f, 0));
  return op.run<int8_t>()[0];
}

TEST(LiteRtRules, OpsThatXnnpackLeavesKeepTheReference) {
  const auto dense = [] { return TestOp(OpType::fully_connected, FullyConnectedAttributes{}); };
  TestOp reference = dense(), taken = dense(), no_scale = dense(), offset = dense();
  EXPECT_EQ(half_way(reference, q(1.0f, 0), q(1.0f, 0)), 3);
  EXPECT_EQ(half_way(taken.follow(Numerics::litert), q(1.0f, 0), q(1.0f, 0)), 2);
  EXPECT_EQ(half_way(no_scale.follow(Numerics::litert), q(1.0f, 0), {}), 3);
  EXPECT_EQ(half_way(offset.follow(Numerics::litert), q(1.0f, 4), q(1.0f, 0)), 1);  // of 0.5
}

TEST(LiteRtRules, RatiosRoundHalfUp) {
  TestOp op(OpType::quantize);
  op.follow(Numerics::litert).input<int8_t>({4}, {1, -1, 3, -3}, q(1.0f, 0));
  op.output<int8_t>({4}, q(2.0f, 0));
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{1, 0, 2, -1}));
  TestOp floats(OpType::quantize);
  floats.follow(Numerics::litert).input<float>({4}, {0.5f, 1.5f, -0.5f, 1e30f});
  floats.output<int8_t>({4}, q(1.0f, 0));
  EXPECT_EQ(floats.run<int8_t>(), (std::vector<int8_t>{0, 2, 0, 127}));
}

TEST(LiteRtRules, BatchesAreQuantizedInFloat) {
  const float values[] = {-1, 0, 3};
  int8_t stored[3];
  const BatchScale batch = quantize_batch_xnnpack(values, 3, stored);
  EXPECT_EQ(batch.zero, -64);  // -64.25
  EXPECT_FLOAT_EQ(batch.scale, 4.0f / 255);
  EXPECT_EQ(std::vector<int8_t>(stored, stored + 3), (std::vector<int8_t>{-128, -64, 127}));
  const float nothing[] = {0, 0};
  EXPECT_EQ(quantize_batch_xnnpack(nothing, 2, stored).scale, 1.0f);
  const float endless[] = {1, std::numeric_limits<float>::infinity()};
  EXPECT_EQ(quantize_batch_xnnpack(endless, 2, stored).zero, 0);
}

}  // namespace
}  // namespace smelt
