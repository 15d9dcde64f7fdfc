#include <array>
#include <cmath>

#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

Quantization q(float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); }

Attributes attributes_for(OpType type) { return default_attributes(type); }

template <class T>
std::vector<T> run_binary(OpType type, Shape a, std::vector<T> va, Shape b, std::vector<T> vb,
                          Shape y) {
  TestOp op(type, attributes_for(type));
  op.input<T>(a, va).template input<T>(b, vb).template output<T>(y);
  return op.template run<T>();
}

TEST(Binary, FloatSpreadsAsNumPy) {
  EXPECT_EQ(
      run_binary<float>(OpType::add, {2, 1, 3}, {1, 2, 3, 4, 5, 6}, {2, 1}, {10, 20}, {2, 2, 3}),
      (std::vector<float>{11, 12, 13, 21, 22, 23, 14, 15, 16, 24, 25, 26}));
  EXPECT_EQ(run_binary<float>(OpType::sub, {}, {1}, {3}, {1, 2, 3}, {3}),
            (std::vector<float>{0, -1, -2}));
  EXPECT_EQ(run_binary<float>(OpType::mul, {1, 1}, {3}, {1}, {4}, {1, 1}),
            (std::vector<float>{12}));
  EXPECT_EQ(run_binary<float>(OpType::div, {2}, {1, 3}, {1}, {2}, {2}),
            (std::vector<float>{0.5f, 1.5f}));
}

TEST(Binary, RandomBroadcastsMatchAnIndexOracle) {
  TestRandom random(11);
  for (int round = 0; round < 200; ++round) {
    const int rank = random.between(1, 6);
    std::vector<int32_t> y, a, b;
    for (int i = 0; i < rank; ++i) {
      y.push_back(random.between(1, 4));
      a.push_back(random.below(3) == 0 ? 1 : y.back());
      b.push_back(a.back() == y.back() && random.below(3) == 0 ? 1 : y.back());
      y.back() = std::max(a.back(), b.back());
    }
    const Shape sy(y), sa(a), sb(b);
    const auto va = random.floats(sa.elements(), -2, 2), vb = random.floats(sb.elements(), -2, 2);
    const auto result = run_binary<float>(OpType::mul, sa, va, sb, vb, sy);
    for (int64_t i = 0; i < sy.elements(); ++i) {
      int64_t rest = i, ia = 0, ib = 0, step_a = 1, step_b = 1;
      for (int k = rank - 1; k >= 0; --k) {
        const int64_t at = rest % sy[k];
        rest /= sy[k];
        if (sa[k] > 1) ia += at * step_a;
        if (sb[k] > 1) ib += at * step_b;
        step_a *= sa[k];
        step_b *= sb[k];
      }
      ASSERT_EQ(result[static_cast<size_t>(i)],
                va[static_cast<size_t>(ia)] * vb[static_cast<size_t>(ib)]);
    }
  }
}

TEST(Binary, FusedActivationsClamp) {
  TestOp op(OpType::add, ArithmeticAttributes{.activation = Activation::relu6});
  op.input<float>({3}, {-4, 2, 9}).input<float>({3}, {1, 1, 1}).output<float>({3});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{0, 3, 6}));
  TestOp fixed(OpType::add, ArithmeticAttributes{.activation = Activation::relu});
  fixed.input<int8_t>({2}, {-40, 20}, q(0.5f, 0))
      .input<int8_t>({2}, {0, 0}, q(0.5f, 0))
      .output<int8_t>({2}, q(0.5f, -10));
  EXPECT_EQ(fixed.run<int8_t>(), (std::vector<int8_t>{-10, 10}));
  TestOp refused(OpType::mul, FusedAttributes{.activation = Activation::tanh});
  refused.input<float>({1}, {1}).input<float>({1}, {1}).output<float>({1});
  EXPECT_ERROR(unsupported, refused.prepare());
}

/// Quantized results within `steps` of the real operation.
template <class T>
void expect_near_real(OpType type, double (*f)(double, double), double steps) {
  TestRandom random(12);
  constexpr int32_t kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  for (int round = 0; round < 30; ++round) {
    const bool wide = sizeof(T) == 2;
    const float unit = wide ? 1.0f / 256 : 1.0f;
    const float sa = unit * random.uniform(0.02f, 0.1f), sb = unit * random.uniform(0.02f, 0.1f);
    const float sy = unit * random.uniform(0.08f, 0.3f);
    const auto zero = [&] { return wide ? 0 : random.between(kLow / 2, kHigh / 2); };
    const int32_t za = zero(), zb = zero(), zy = zero();
    const auto a = random.integers<T>(64), b = random.integers<T>(64);
    TestOp op(type, attributes_for(type));
    op.input<T>({8, 8}, a, q(sa, za))
        .template input<T>({8, 8}, b, q(sb, zb))
        .template output<T>({8, 8}, q(sy, zy));
    const auto y = op.template run<T>();
    for (size_t i = 0; i < y.size(); ++i) {
      const double expected =
          f(static_cast<double>(sa) * (a[i] - za), static_cast<double>(sb) * (b[i] - zb)) / sy + zy;
      ASSERT_NEAR(y[i], std::clamp<double>(expected, kLow, kHigh), steps);
    }
  }
}

TEST(Binary, QuantizedResultsAreTheNearestSteps) {
  const auto add = [](double a, double b) { return a + b; };
  const auto sub = [](double a, double b) { return a - b; };
  const auto mul = [](double a, double b) { return a * b; };
  const auto square = [](double a, double b) { return (a - b) * (a - b); };
  expect_near_real<int8_t>(OpType::add, add, 0.51);
  expect_near_real<uint8_t>(OpType::add, add, 0.51);
  expect_near_real<int16_t>(OpType::add, add, 0.6);
  expect_near_real<int8_t>(OpType::sub, sub, 0.51);
  expect_near_real<int16_t>(OpType::sub, sub, 0.6);
  expect_near_real<int8_t>(OpType::mul, mul, 0.6);
  expect_near_real<uint8_t>(OpType::mul, mul, 0.6);
  expect_near_real<int8_t>(OpType::squared_difference, square, 1.5);
}

TEST(Binary, VectorRowsEqualThePlainLoops) {
  TestRandom random(13);
  for (int round = 0; round < 300; ++round) {
    const OpType type = std::array{OpType::add, OpType::sub, OpType::mul}[random.below(3)];
    const int32_t rows = random.between(1, 3), columns = random.between(1, 70);
    const Shape y = {rows, columns};
    const Shape a = random.below(3) == 0 ? Shape{1, columns} : y;
    const Shape b = random.below(3) == 0 ? Shape{rows, 1} : y;
    TestOp op(type, attributes_for(type));
    const auto scale = [&] { return std::exp(random.uniform(-6.0f, 0.0f)); };
    const auto zero = [&] { return random.between(-128, 127); };
    op.input<int8_t>(a, random.integers<int8_t>(a.elements()), q(scale(), zero()))
        .input<int8_t>(b, random.integers<int8_t>(b.elements()), q(scale(), zero()))
        .output<int8_t>(y, q(scale(), zero()));
    ASSERT_EQ(op.run<int8_t>(), op.run<int8_t>(KernelChoice::plain));
  }
}

TEST(Binary, QuantizedDivisionSaturatesAtZero) {
  TestOp op(OpType::div, FusedAttributes{});
  op.input<int8_t>({6}, {100, -100, 0, 50, -50, 7}, q(0.1f, 0))
      .input<int8_t>({6}, {0, 0, 0, 20, -20, 3}, q(0.1f, 0))
      .output<int8_t>({6}, q(0.05f, 1));
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{127, -128, 1, 51, 51, 48}));
}

TEST(Binary, IntegersWrapAndDivideByZeroGivesZero) {
  EXPECT_EQ(run_binary<int32_t>(OpType::add, {1}, {INT32_MAX}, {1}, {1}, {1}),
            (std::vector<int32_t>{INT32_MIN}));
  EXPECT_EQ(run_binary<int32_t>(OpType::mul, {1}, {INT32_MIN}, {1}, {-1}, {1}),
            (std::vector<int32_t>{INT32_MIN}));
  EXPECT_EQ(run_binary<int32_t>(OpType::div, {4}, {7, -7, 7, INT32_MIN}, {4}, {2, 2, 0, -1}, {4}),
            (std::vector<int32_t>{3, -3, 0, INT32_MIN}));
  EXPECT_EQ(run_binary<int64_t>(OpType::floor_div, {4}, {7, -7, 7, -7}, {4}, {2, 2, 0, -2}, {4}),
            (std::vector<int64_t>{3, -4, 0, 3}));
  EXPECT_EQ(
      run_binary<int32_t>(OpType::floor_mod, {5}, {7, -7, 7, -7, 5}, {5}, {3, 3, -3, -3, 0}, {5}),
      (std::vector<int32_t>{1, 2, -2, -1, 0}));
  EXPECT_EQ(run_binary<float>(OpType::floor_mod, {2}, {-7.5f, 7.5f}, {1}, {2}, {2}),
            (std::vector<float>{0.5f, 1.5f}));
  EXPECT_EQ(run_binary<int32_t>(OpType::pow, {4}, {3, -2, 5, 2}, {4}, {4, 3, 0, -1}, {4}),
            (std::vector<int32_t>{81, -8, 1, 0}));
}

TEST(Binary, MaximumComparesStoredValues) {
  EXPECT_EQ(run_binary<int16_t>(OpType::maximum, {3}, {-5, 0, 9}, {1}, {0}, {3}),
            (std::vector<int16_t>{0, 0, 9}));
  EXPECT_EQ(run_binary<int8_t>(OpType::minimum, {3}, {-5, 0, 9}, {3}, {1, 2, 3}, {3}),
            (std::vector<int8_t>{-5, 0, 3}));
}

TEST(Binary, AddNAddsAll) {
  TestOp op(OpType::add_n);
  op.input<float>({2}, {1, 2})
      .input<float>({2}, {3, 4})
      .input<float>({2}, {5, 6})
      .output<float>({2});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{9, 12}));
}

TEST(Binary, RefusesWhatDoesNotFit) {
  EXPECT_ERROR(bad_file, run_binary<float>(OpType::add, {2}, {1, 2}, {3}, {1, 2, 3}, {3}));
  EXPECT_ERROR(bad_file, run_binary<float>(OpType::add, {2, 2}, {1, 2, 3, 4}, {2}, {1, 2}, {2}));
  EXPECT_ERROR(bad_file, run_binary<int8_t>(OpType::add, {1}, {1}, {1}, {1}, {1}));
  TestOp types(OpType::add, ArithmeticAttributes{});
  types.input<float>({1}, {1}).input<int32_t>({1}, {1}).output<float>({1});
  EXPECT_ERROR(unsupported, types.prepare());
  TestOp scale(OpType::add, ArithmeticAttributes{});
  scale.input<int8_t>({1}, {1}, q(1e9f, 0))
      .input<int8_t>({1}, {1}, q(1, 0))
      .output<int8_t>({1}, q(1e-9f, 0));
  EXPECT_ERROR(unsupported, scale.prepare());
}

}  // namespace
}  // namespace smelt
