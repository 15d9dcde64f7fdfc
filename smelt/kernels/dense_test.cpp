#include <gtest/gtest.h>

#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

struct Case {
  FullyConnectedAttributes a;
  int32_t rows = 1, inputs = 1, outputs = 1;
  bool bias = true, per_channel = false;
};

Case random_case(TestRandom& random) {
  Case c;
  c.a.activation = static_cast<Activation>(random.below(4));
  c.rows = random.below(2) ? 1 : random.between(1, 30);
  c.inputs = random.between(1, random.below(3) ? 40 : 600);
  c.outputs = random.between(1, 70);
  c.bias = random.below(4) != 0;
  c.per_channel = random.below(2) != 0;
  return c;
}

template <class T, class W, class B>
TestOp make_op(const Case& c, const std::vector<T>& x, Quantization xq, const std::vector<W>& w,
               Quantization wq, const std::vector<B>& b, Quantization yq, bool constant = true) {
  TestOp op(OpType::fully_connected, c.a);
  op.input<T>({c.rows, c.inputs}, x, xq);
  const Shape shape{c.outputs, c.inputs};
  constant ? op.constant<W>(shape, w, wq) : op.input<W>(shape, w, wq);
  if (c.bias) {
    op.constant<B>({c.outputs}, b);
  } else {
    op.absent();
  }
  op.output<T>({c.rows, c.outputs}, yq);
  return op;
}

TEST(FullyConnected, FloatEqualsOracle) {
  for_random_cases(1000, [](TestRandom& random) {
    const Case c = random_case(random);
    const auto x = random.floats(int64_t{c.rows} * c.inputs, -2, 2);
    const auto w = random.floats(int64_t{c.outputs} * c.inputs, -1, 1);
    const auto b = random.floats(c.outputs, -3, 3);
    const FloatRange range = activation_range(c.a.activation);
    std::vector<double> expected, magnitude;
    for (int r = 0; r < c.rows; ++r) {
      for (int o = 0; o < c.outputs; ++o) {
        double sum = c.bias ? b[o] : 0;
        double size = std::abs(sum);
        for (int i = 0; i < c.inputs; ++i) {
          const double product = double{x[r * c.inputs + i]} * w[o * c.inputs + i];
          sum += product;
          size += std::abs(product);
        }
        expected.push_back(std::clamp<double>(sum, range.low, range.high));
        magnitude.push_back(size);
      }
    }
    TestOp op = make_op<float, float, float>(c, x, {}, w, {}, b, {});
    expect_near(op.run<float>(KernelChoice::plain), expected, magnitude);
    for_each_target([&] { expect_near(op.run<float>(), expected, magnitude); });
    TestOp computed = make_op<float, float, float>(c, x, {}, w, {}, b, {}, false);
    expect_near(computed.run<float>(), expected, magnitude);
  });
}

/// Results of a row must not depend on the rows that are multiplied with it, to the bit.
TEST(FullyConnected, FloatDoesNotDependOnTheBatch) {
  for_random_cases(7000, [](TestRandom& random) {
    Case c = random_case(random);
    c.rows = random.between(2, 30);
    const auto x = random.floats(int64_t{c.rows} * c.inputs, -2, 2);
    const auto w = random.floats(int64_t{c.outputs} * c.inputs, -1, 1);
    const auto b = random.floats(c.outputs, -3, 3);
    Case few = c;
    few.rows = random.between(1, c.rows);
    const std::vector<float> last(x.end() - int64_t{few.rows} * c.inputs, x.end());
    for_each_target([&] {
      const auto all = make_op<float, float, float>(c, x, {}, w, {}, b, {}).run<float>();
      const auto alone = make_op<float, float, float>(few, last, {}, w, {}, b, {}).run<float>();
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), all.end() - alone.size()));
    });
  });
}

template <class T, class W, class B>
void check_int(TestRandom& random, double x_spread) {
  const Case c = random_case(random);
  const IntRange types = range_of(data_type_of<T>);
  const bool legacy = std::is_same_v<W, uint8_t>;
  const auto zero = [&] { return sizeof(T) == 2 ? 0 : random.between(types.low, types.high); };
  const Quantization xq = Quantization::per_tensor(random.uniform(0.001f, 0.1f), zero());
  Quantization wq = weight_scales(random, c.outputs, c.per_channel && !legacy, 0, 0.01f);
  // Zero points of the weights count where there is one scale.
  if (legacy) wq.zero_point[0] = random.between(0, 255);
  if (!legacy && wq.per_tensor() && random.below(4) == 0) wq.zero_point[0] = random.between(-9, 9);
  const auto x = random.integers<T>(int64_t{c.rows} * c.inputs);
  const auto w = random.integers<W>(int64_t{c.outputs} * c.inputs);
  const auto b = random.integers<B>(c.outputs, -20000, 20000);
  const double spread = x_spread * 70 * std::sqrt(double(c.inputs) + 1);
  const float y_scale =
      static_cast<float>(xq.scale[0] * 0.01f * spread / (double(types.high) - types.low));
  const Quantization yq = Quantization::per_tensor(y_scale, zero());
  TestOp op = make_op<T, W, B>(c, x, xq, w, wq, b, yq);
  const std::vector<T> plain = op.run<T>(KernelChoice::plain);
  Operand y{.name = "y", .type = data_type_of<T>, .quantization = &yq};
  const IntRange range = activation_range(c.a.activation, y);
  for (int r = 0; r < c.rows; ++r) {
    for (int o = 0; o < c.outputs; ++o) {
      int64_t sum = c.bias ? b[o] : 0;
      const size_t slot = wq.per_tensor() ? 0 : o;
      const int64_t wz = wq.per_tensor() ? wq.zero_point[0] : 0;
      for (int i = 0; i < c.inputs; ++i) {
        sum += int64_t{x[r * c.inputs + i] - xq.zero_point[0]} * (w[o * c.inputs + i] - wz);
      }
      const double real =
          double(sum) * xq.scale[0] * wq.scale[slot] / y_scale + double(yq.zero_point[0]);
      ASSERT_TRUE(stored_right(plain[r * c.outputs + o], real, range)) << "for " << real;
    }
  }
  for_each_target([&] { ASSERT_EQ(op.run<T>(), plain); });
  ASSERT_EQ((make_op<T, W, B>(c, x, xq, w, wq, b, yq, false).template run<T>()), plain);
}

TEST(FullyConnected, Int8FastEqualsPlainEqualsOracle) {
  for_random_cases(2000,
                   [](TestRandom& random) { check_int<int8_t, int8_t, int32_t>(random, 128); });
}

TEST(FullyConnected, Uint8FastEqualsPlainEqualsOracle) {
  for_random_cases(3000,
                   [](TestRandom& random) { check_int<uint8_t, uint8_t, int32_t>(random, 128); });
}

TEST(FullyConnected, Int16EqualsOracle) {
  for_random_cases(4000,
                   [](TestRandom& random) { check_int<int16_t, int8_t, int64_t>(random, 30000); });
}

TEST(FullyConnected, TakesAnyRank) {
  TestOp op(OpType::fully_connected, FullyConnectedAttributes{.keep_num_dims = true});
  op.input<float>({2, 1, 1, 2}, {1, 2, 3, 4}).constant<float>({1, 2}, {10, 1});
  op.absent().output<float>({2, 1, 1, 1});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{12, 34}));
}

TEST(FullyConnected, NoRows) {
  TestOp op(OpType::fully_connected, FullyConnectedAttributes{});
  op.input<float>({0, 2}, {}).constant<float>({1, 2}, {10, 1}).absent().output<float>({0, 1});
  EXPECT_EQ(op.run<float>(), std::vector<float>{});
}

TEST(FullyConnected, RejectsMalformedOps) {
  const auto prepare = [](Shape x, Shape w, Shape b, Shape y, WeightsFormat format) {
    TestOp op(OpType::fully_connected, FullyConnectedAttributes{.weights_format = format});
    op.input<float>(x, std::vector<float>(x.elements()));
    op.constant<float>(w, std::vector<float>(w.elements()));
    op.constant<float>(b, std::vector<float>(b.elements())).output<float>(y);
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({2, 3}, {4, 3}, {4}, {2, 4}, WeightsFormat::plain));
  EXPECT_ERROR(bad_file, prepare({2, 4}, {4, 3}, {4}, {2, 4}, WeightsFormat::plain));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {4, 3, 1}, {4}, {2, 4}, WeightsFormat::plain));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {4, 0}, {4}, {2, 4}, WeightsFormat::plain));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {4, 3}, {3}, {2, 4}, WeightsFormat::plain));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {4, 3}, {4}, {4, 2}, WeightsFormat::plain));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {4, 3}, {4}, {1, 4}, WeightsFormat::plain));
  EXPECT_ERROR(unsupported, prepare({2, 3}, {4, 3}, {4}, {2, 4}, WeightsFormat::shuffled4x16_int8));
}

}  // namespace
}  // namespace smelt
