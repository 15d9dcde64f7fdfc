#include <cmath>

#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

Quantization q(float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); }

std::vector<double> softmax(const std::vector<double>& x, size_t row, double beta) {
  std::vector<double> y(x.size());
  for (size_t start = 0; start < x.size(); start += row) {
    double sum = 0;
    for (size_t c = 0; c < row; ++c) sum += std::exp(beta * x[start + c]);
    for (size_t c = 0; c < row; ++c) y[start + c] = std::exp(beta * x[start + c]) / sum;
  }
  return y;
}

template <class T>
std::vector<double> real(const std::vector<T>& stored, double scale, double zero) {
  std::vector<double> values;
  for (const T v : stored) values.push_back(scale * (v - zero));
  return values;
}

TEST(Softmax, FloatRowsSumToOne) {
  TestRandom random(3);
  const std::vector<float> x = random.floats(4 * 11, -30, 30);
  TestOp op(OpType::softmax, SoftmaxAttributes{.beta = 0.7f});
  op.input<float>({2, 2, 11}, x).output<float>({2, 2, 11});
  const std::vector<float> y = op.run<float>();
  const std::vector<double> expected = softmax(real(x, 1, 0), 11, 0.7);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-6);
}

TEST(Softmax, IntegersFollowDouble) {
  TestRandom random(4);
  for (int round = 0; round < 20; ++round) {
    const int32_t depth = random.between(1, 40);
    const auto scale = static_cast<float>(std::exp(random.uniform(-4.0f, -1.0f)));
    const auto n = static_cast<size_t>(depth);
    const auto x8 = random.integers<int8_t>(3 * depth);
    const auto expected = softmax(real(x8, scale, 0), n, 1);

    TestOp narrow(OpType::softmax, SoftmaxAttributes{});
    narrow.input<int8_t>({3, depth}, x8, q(scale, 7))
        .output<int8_t>({3, depth}, q(1.0f / 256, -128));
    const auto y8 = narrow.run<int8_t>();
    TestOp mixed(OpType::softmax, SoftmaxAttributes{});
    mixed.input<int8_t>({3, depth}, x8, q(scale, 7))
        .output<int16_t>({3, depth}, q(1.0f / 65536, -32768));
    const auto y16 = mixed.run<int16_t>();
    for (size_t i = 0; i < y8.size(); ++i) {
      ASSERT_NEAR(y8[i], std::min(expected[i] * 256 - 128, 127.0), 0.6);
      ASSERT_NEAR(y16[i], std::min(expected[i] * 65536 - 32768, 32767.0), 20);
    }

    const auto x16 = random.integers<int16_t>(3 * depth);
    TestOp wide(OpType::softmax, SoftmaxAttributes{});
    wide.input<int16_t>({3, depth}, x16, q(scale / 256, 0))
        .output<int16_t>({3, depth}, q(1.0f / 32768, 0));
    const auto wide_y = wide.run<int16_t>();
    const auto wide_expected = softmax(real(x16, scale / 256, 0), n, 1);
    for (size_t i = 0; i < wide_y.size(); ++i) {
      ASSERT_NEAR(wide_y[i], std::min(wide_expected[i] * 32768, 32767.0), 100);
    }
  }
}

TEST(Softmax, LogSoftmaxFollowsDouble) {
  TestRandom random(5);
  const auto x = random.integers<int8_t>(4 * 9);
  TestOp op(OpType::log_softmax);
  op.input<int8_t>({4, 9}, x, q(0.05f, 3)).output<int8_t>({4, 9}, q(1.0f / 16, 127));
  const auto y = op.run<int8_t>();
  const auto expected = softmax(real(x, 0.05, 3), 9, 1);
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_NEAR(y[i], std::max(std::log(expected[i]) * 16 + 127, -128.0), 0.6);
  }
  TestOp plain(OpType::log_softmax);
  plain.input<float>({1, 3}, {1, 2, 3}).output<float>({1, 3});
  const auto f = plain.run<float>();
  EXPECT_NEAR(f[2], -0.407605964, 1e-6);
}

TEST(Softmax, RefusesOtherOutputScales) {
  TestOp op(OpType::softmax, SoftmaxAttributes{});
  op.input<int8_t>({1, 2}, {1, 2}, q(0.1f, 0)).output<int8_t>({1, 2}, q(0.01f, 0));
  EXPECT_ERROR(unsupported, op.prepare());
  TestOp tiny(OpType::softmax, SoftmaxAttributes{});
  tiny.input<int8_t>({1, 2}, {1, 2}, q(1e-12f, 0)).output<int8_t>({1, 2}, q(1.0f / 256, -128));
  EXPECT_ERROR(unsupported, tiny.prepare());
  TestOp scalar(OpType::softmax, SoftmaxAttributes{});
  scalar.input<float>({}, {1}).output<float>({});
  EXPECT_ERROR(bad_file, scalar.prepare());
}

}  // namespace
}  // namespace smelt
