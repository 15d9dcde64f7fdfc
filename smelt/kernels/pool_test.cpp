#include <gtest/gtest.h>

#include "smelt/kernels/test_weighted.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

struct Case {
  Pool2DAttributes a;
  Shape x, y;
};

Case random_case(TestRandom& random) {
  Case c;
  auto& a = c.a;
  a.padding = random.below(2) ? Padding::same : Padding::valid;
  a.stride_h = random.between(1, 3);
  a.stride_w = random.between(1, 3);
  a.filter_h = random.between(1, 5);
  a.filter_w = random.between(1, 5);
  a.activation = static_cast<Activation>(random.below(4));
  c.x = {random.between(1, 2), random.between(5, 9), random.between(5, 9), random.between(1, 70)};
  c.y = {c.x[0], window_output_size(a.padding, c.x[1], a.filter_h, a.stride_h, 1),
         window_output_size(a.padding, c.x[2], a.filter_w, a.stride_w, 1), c.x[3]};
  return c;
}

/// Sum, sum of squares, maximum and count of the real cells of each window.
struct Cells {
  double sum = 0, squares = 0, best = -1e30;
  int count = 0;
};
template <class T>
std::vector<Cells> gather(const Case& c, const std::vector<T>& x) {
  const auto& a = c.a;
  const int pad_h = window_padding(c.x[1], a.filter_h, a.stride_h, 1, c.y[1]);
  const int pad_w = window_padding(c.x[2], a.filter_w, a.stride_w, 1, c.y[2]);
  std::vector<Cells> result(c.y.elements());
  for (size_t i = 0; i < result.size(); ++i) {
    const int ch = i % c.y[3];
    const int ox = i / c.y[3] % c.y[2];
    const int oy = i / c.y[3] / c.y[2] % c.y[1];
    const int n = i / c.y[3] / c.y[2] / c.y[1];
    for (int iy = oy * a.stride_h - pad_h; iy < oy * a.stride_h - pad_h + a.filter_h; ++iy) {
      for (int ix = ox * a.stride_w - pad_w; ix < ox * a.stride_w - pad_w + a.filter_w; ++ix) {
        if (iy < 0 || ix < 0 || iy >= c.x[1] || ix >= c.x[2]) continue;
        const double v = x[((n * c.x[1] + iy) * c.x[2] + ix) * c.x[3] + ch];
        result[i].sum += v;
        result[i].squares += v * v;
        result[i].best = std::max(result[i].best, v);
        ++result[i].count;
      }
    }
  }
  return result;
}

double real_result(OpType type, const Cells& cells) {
  if (type == OpType::max_pool_2d) return cells.best;
  if (type == OpType::l2_pool_2d) return std::sqrt(cells.squares / cells.count);
  return cells.sum / cells.count;
}

class PoolTest : public ::testing::TestWithParam<OpType> {};
INSTANTIATE_TEST_SUITE_P(Ops, PoolTest,
                         ::testing::Values(OpType::average_pool_2d, OpType::max_pool_2d,
                                           OpType::l2_pool_2d),
                         [](const auto& op) { return std::string(name(op.param)); });

TEST_P(PoolTest, FloatEqualsOracle) {
  for_random_cases(1000, [](TestRandom& random) {
    const Case c = random_case(random);
    const auto x = random.floats(c.x.elements(), -9, 9);
    const FloatRange range = activation_range(c.a.activation);
    std::vector<double> expected;
    for (const Cells& cells : gather(c, x)) {
      expected.push_back(std::clamp<double>(real_result(GetParam(), cells), range.low, range.high));
    }
    TestOp op(GetParam(), c.a);
    op.input<float>(c.x, x).output<float>(c.y);
    const auto plain = op.run<float>(KernelChoice::plain);
    expect_near(plain, expected, std::vector<double>(expected.size(), 9));
    for_each_target([&] { ASSERT_EQ(op.run<float>(), plain); });
  });
}

template <class T>
void check_int(TestRandom& random, OpType type) {
  const Case c = random_case(random);
  const auto x = random.integers<T>(c.x.elements());
  const int zero = sizeof(T) == 2 ? 0 : x[0];
  const Quantization q = Quantization::per_tensor(random.uniform(0.01f, 0.2f), zero);
  Operand y{.name = "y", .type = data_type_of<T>, .quantization = &q};
  const IntRange range = activation_range(c.a.activation, y);
  std::vector<T> expected;
  for (const Cells& cells : gather(c, x)) {
    const double rounded = std::round(real_result(type, cells));  // half away from zero
    expected.push_back(static_cast<T>(std::clamp<double>(rounded, range.low, range.high)));
  }
  TestOp op(type, c.a);
  op.input<T>(c.x, x, q).template output<T>(c.y, q);
  ASSERT_EQ(op.run<T>(KernelChoice::plain), expected);
  for_each_target([&] { ASSERT_EQ(op.run<T>(), expected); });
}

TEST_P(PoolTest, IntegersRoundHalfAwayFromZero) {
  if (GetParam() == OpType::l2_pool_2d) GTEST_SKIP() << "float only";
  for_random_cases(2000, [](TestRandom& random) { check_int<int8_t>(random, GetParam()); });
  for_random_cases(3000, [](TestRandom& random) { check_int<uint8_t>(random, GetParam()); });
  for_random_cases(4000, [](TestRandom& random) { check_int<int16_t>(random, GetParam()); });
}

TEST(AveragePool, LargeInt16WindowsStayExact) {
  // 1,024 cells of up to 2^15: sums beyond what a float holds exactly.
  TestRandom random(7);
  const auto x = random.integers<int16_t>(32 * 32 * 3, 32000, 32767);
  std::vector<int16_t> expected;
  for (int c = 0; c < 3; ++c) {
    int64_t sum = 0;
    for (int i = 0; i < 1024; ++i) sum += x[i * 3 + c];
    expected.push_back(static_cast<int16_t>((sum + 512) / 1024));
  }
  const Quantization q = Quantization::per_tensor(1, 0);
  TestOp op(OpType::average_pool_2d,
            Pool2DAttributes{.padding = Padding::valid, .filter_h = 32, .filter_w = 32});
  op.input<int16_t>({1, 32, 32, 3}, x, q).output<int16_t>({1, 1, 1, 3}, q);
  EXPECT_EQ(op.run<int16_t>(), expected);
}

TEST(Pool, RejectsMalformedOps) {
  const auto prepare = [](Pool2DAttributes a, Shape x, Shape y, Quantization yq) {
    TestOp op(OpType::max_pool_2d, a);
    op.input<int8_t>(x, std::vector<int8_t>(x.elements()), Quantization::per_tensor(1, 0));
    op.output<int8_t>(y, yq);
    return op.prepare();
  };
  const Pool2DAttributes good{.stride_h = 2, .stride_w = 2, .filter_h = 2, .filter_w = 2};
  const Quantization q = Quantization::per_tensor(1, 0);
  EXPECT_NO_THROW(prepare(good, {1, 4, 4, 2}, {1, 2, 2, 2}, q));
  Pool2DAttributes flat = good;
  flat.filter_h = 0;
  EXPECT_ERROR(bad_file, prepare(flat, {1, 4, 4, 2}, {1, 2, 2, 2}, q));
  Pool2DAttributes stuck = good;
  stuck.stride_w = 0;
  EXPECT_ERROR(bad_file, prepare(stuck, {1, 4, 4, 2}, {1, 2, 2, 2}, q));
  EXPECT_ERROR(bad_file, prepare(good, {4, 4, 2}, {2, 2, 2}, q));
  EXPECT_ERROR(bad_file, prepare(good, {1, 4, 4, 2}, {1, 2, 2, 3}, q));
  EXPECT_ERROR(bad_file, prepare(good, {1, 4, 4, 2}, {1, 2, 3, 2}, q));
  EXPECT_ERROR(unsupported,
               prepare(good, {1, 4, 4, 2}, {1, 2, 2, 2}, Quantization::per_tensor(1.5f, 0)));
  EXPECT_ERROR(unsupported,
               prepare(good, {1, 4, 4, 2}, {1, 2, 2, 2}, Quantization::per_tensor(1, 1)));
}

TEST(Pool, HugeWindowsCoverTheImageOnce) {
  const int32_t huge = std::numeric_limits<int32_t>::max();
  TestOp op(
      OpType::max_pool_2d,
      Pool2DAttributes{.stride_h = huge, .stride_w = huge, .filter_h = huge, .filter_w = huge});
  op.input<float>({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}).output<float>({1, 1, 1, 2});
  for_each_target([&] { EXPECT_EQ(op.run<float>(), (std::vector<float>{7, 8})); });
}

}  // namespace
}  // namespace smelt
