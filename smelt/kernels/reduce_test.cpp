#include <cmath>

#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

Quantization q(float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); }

template <class T>
std::vector<T> run_reduce(OpType type, Shape x, std::vector<T> values, std::vector<int32_t> axes,
                          Shape y, Quantization qx = {}, Quantization qy = {}) {
  TestOp op(type, ReduceAttributes{});
  const auto n = static_cast<int32_t>(axes.size());
  op.input<T>(x, values, qx).template constant<int32_t>({n}, axes).template output<T>(y, qy);
  return op.template run<T>();
}

TEST(Reduce, SumsOverAnyAxes) {
  const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_EQ(run_reduce<float>(OpType::sum, {2, 2, 3}, x, {1}, {2, 3}),
            (std::vector<float>{5, 7, 9, 17, 19, 21}));
  EXPECT_EQ(run_reduce<float>(OpType::sum, {2, 2, 3}, x, {0, -1}, {2}),
            (std::vector<float>{30, 48}));
  EXPECT_EQ(run_reduce<float>(OpType::mean, {2, 2, 3}, x, {0, 1, 2}, {}),
            (std::vector<float>{6.5f}));
  EXPECT_EQ(run_reduce<float>(OpType::mean, {2, 2, 3}, x, {2, 2}, {2, 2, 1}),
            (std::vector<float>{2, 5, 8, 11}));
  EXPECT_EQ(run_reduce<float>(OpType::sum, {2}, {3, 4}, {}, {2}), (std::vector<float>{3, 4}));
  EXPECT_EQ(run_reduce<float>(OpType::reduce_max, {2, 0}, {}, {1}, {2}),
            (std::vector<float>(2, std::numeric_limits<float>::lowest())));
}

TEST(Reduce, MaxMinProdAnyAll) {
  EXPECT_EQ(run_reduce<int8_t>(OpType::reduce_max, {2, 3}, {-5, -9, -7, 1, 3, 2}, {1}, {2}, q(1, 0),
                               q(1, 0)),
            (std::vector<int8_t>{-5, 3}));
  EXPECT_EQ(run_reduce<int32_t>(OpType::reduce_min, {2, 2}, {4, 3, -1, 7}, {0}, {2}),
            (std::vector<int32_t>{-1, 3}));
  EXPECT_EQ(run_reduce<int32_t>(OpType::reduce_prod, {3}, {2, 3, 7}, {0}, {}),
            (std::vector<int32_t>{42}));
  TestOp any(OpType::reduce_any, ReduceAttributes{});
  any.input<bool>({2, 2}, {false, true, false, false})
      .constant<int32_t>({1}, {1})
      .output<bool>({2});
  EXPECT_EQ(any.run<bool>(), (std::vector<bool>{true, false}));
}

TEST(Reduce, QuantizedMeansAreTheNearestSteps) {
  TestRandom random(21);
  for (int round = 0; round < 50; ++round) {
    const int32_t h = random.between(1, 9), w = random.between(1, 9), c = random.between(1, 7);
    const auto x = random.integers<int8_t>(h * w * c);
    const float sx = random.uniform(0.02f, 0.1f), sy = random.uniform(0.02f, 0.1f);
    const int32_t zx = random.between(-128, 127), zy = random.between(-128, 127);
    const auto y =
        run_reduce<int8_t>(OpType::mean, {1, h, w, c}, x, {1, 2}, {1, c}, q(sx, zx), q(sy, zy));
    const auto sum =
        run_reduce<int8_t>(OpType::sum, {1, h, w, c}, x, {1, 2}, {1, c}, q(sx, zx), q(1, zy));
    for (int32_t i = 0; i < c; ++i) {
      double total = 0;
      for (int32_t cell = 0; cell < h * w; ++cell) {
        total += static_cast<double>(sx) * (x[static_cast<size_t>(cell * c + i)] - zx);
      }
      const double mean = std::clamp(total / (h * w) / static_cast<double>(sy) + zy, -128.0, 127.0);
      // The multiplier's product and its shift are rounded one after the other.
      ASSERT_NEAR(y[static_cast<size_t>(i)], mean, 0.75);
      ASSERT_NEAR(sum[static_cast<size_t>(i)], std::clamp(total + zy, -128.0, 127.0), 0.6);
    }
  }
}

TEST(Reduce, ArgMaxTakesTheFirstOfEquals) {
  TestOp op(OpType::arg_max, ArgMinMaxAttributes{});
  op.input<float>({2, 3}, {1, 5, 5, -1, -3, -1}).constant<int32_t>({}, {-1}).output<int32_t>({2});
  EXPECT_EQ(op.run<int32_t>(), (std::vector<int32_t>{1, 0}));
  TestOp low(OpType::arg_min, ArgMinMaxAttributes{});
  low.input<int8_t>({2, 3}, {1, 5, 5, -1, -3, 9}).constant<int32_t>({1}, {0}).output<int64_t>({3});
  EXPECT_EQ(low.run<int64_t>(), (std::vector<int64_t>{1, 1, 0}));
}

TEST(Reduce, CumsumGoesBothWays) {
  const auto run = [](bool exclusive, bool reverse) {
    TestOp op(OpType::cumsum, CumsumAttributes{.exclusive = exclusive, .reverse = reverse});
    op.input<float>({2, 3}, {1, 2, 3, 4, 5, 6}).constant<int32_t>({}, {1}).output<float>({2, 3});
    return op.run<float>();
  };
  EXPECT_EQ(run(false, false), (std::vector<float>{1, 3, 6, 4, 9, 15}));
  EXPECT_EQ(run(true, false), (std::vector<float>{0, 1, 3, 0, 4, 9}));
  EXPECT_EQ(run(false, true), (std::vector<float>{6, 5, 3, 15, 11, 6}));
}

TEST(Reduce, RefusesBadAxes) {
  EXPECT_ERROR(bad_file, run_reduce<float>(OpType::sum, {2, 2}, {1, 2, 3, 4}, {2}, {2}));
  EXPECT_ERROR(bad_file, run_reduce<float>(OpType::sum, {2, 2}, {1, 2, 3, 4}, {1}, {3}));
  EXPECT_ERROR(unsupported,
               run_reduce<int8_t>(OpType::reduce_max, {2}, {1, 2}, {0}, {}, q(1, 0), q(2, 0)));
  TestOp runtime(OpType::sum, ReduceAttributes{});
  runtime.input<float>({2}, {1, 2}).input<int32_t>({1}, {0}).output<float>({});
  EXPECT_ERROR(unsupported, runtime.prepare());
}

}  // namespace
}  // namespace smelt
