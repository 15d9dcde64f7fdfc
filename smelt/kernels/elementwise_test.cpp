#include <cmath>

#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

Quantization q(float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); }

template <class T>
std::vector<T> run_unary(OpType type, std::vector<T> x, Quantization qx = {},
                         Quantization qy = {}) {
  const auto n = static_cast<int32_t>(x.size());
  TestOp op(type);
  op.input<T>({n}, x, qx).template output<T>({n}, qy);
  return op.template run<T>();
}

TEST(Unary, FloatFunctions) {
  EXPECT_EQ(run_unary<float>(OpType::abs, {-2, 3}), (std::vector<float>{2, 3}));
  EXPECT_EQ(run_unary<float>(OpType::neg, {-2, 3}), (std::vector<float>{2, -3}));
  EXPECT_EQ(run_unary<float>(OpType::sqrt, {4, 9}), (std::vector<float>{2, 3}));
  EXPECT_EQ(run_unary<float>(OpType::rsqrt, {4, 0.25f}), (std::vector<float>{0.5f, 2}));
  EXPECT_EQ(run_unary<float>(OpType::square, {-3}), (std::vector<float>{9}));
  EXPECT_EQ(run_unary<float>(OpType::floor, {-1.5f, 1.5f}), (std::vector<float>{-2, 1}));
  EXPECT_EQ(run_unary<float>(OpType::ceil, {-1.5f, 1.5f}), (std::vector<float>{-1, 2}));
  EXPECT_EQ(run_unary<float>(OpType::round, {0.5f, 1.5f, -2.5f, 2.6f}),
            (std::vector<float>{0, 2, -2, 3}));
  EXPECT_EQ(run_unary<float>(OpType::sign, {-2, 0, 5}), (std::vector<float>{-1, 0, 1}));
  EXPECT_NEAR(run_unary<float>(OpType::exp, {1})[0], std::exp(1.0), 1e-6);
  EXPECT_NEAR(run_unary<float>(OpType::log, {3})[0], std::log(3.0), 1e-6);
  EXPECT_NEAR(run_unary<float>(OpType::sin, {3})[0], std::sin(3.0), 1e-6);
  EXPECT_NEAR(run_unary<float>(OpType::cos, {3})[0], std::cos(3.0), 1e-6);
}

TEST(Unary, QuantizedAbsAndRsqrt) {
  EXPECT_EQ(run_unary<int8_t>(OpType::abs, {-128, -1, 0, 127}, q(1, -1), q(1, -128)),
            (std::vector<int8_t>{-1, -128, -127, 0}));
  EXPECT_EQ(run_unary<int16_t>(OpType::abs, {-30000, 5}, q(0.5f, 0), q(1, 0)),
            (std::vector<int16_t>{15000, 3}));
  const auto y =
      run_unary<int8_t>(OpType::rsqrt, {-128, -127, -27, 72}, q(0.01f, -128), q(0.1f, 0));
  EXPECT_EQ(y, (std::vector<int8_t>{127, 100, 10, 7}));
}

template <class T>
std::vector<bool> run_compare(OpType type, std::vector<T> a, std::vector<T> b, Quantization qa = {},
                              Quantization qb = {}) {
  const auto n = static_cast<int32_t>(a.size());
  TestOp op(type);
  op.input<T>({n}, a, qa)
      .template input<T>({static_cast<int32_t>(b.size())}, b, qb)
      .template output<bool>({n});
  return op.template run<bool>();
}

TEST(Compare, RealValuesAreCompared) {
  EXPECT_EQ(run_compare<float>(OpType::less, {1, 2, 3}, {2}),
            (std::vector<bool>{true, false, false}));
  EXPECT_EQ(run_compare<int32_t>(OpType::greater_equal, {1, 2, 3}, {2}),
            (std::vector<bool>{false, true, true}));
  EXPECT_EQ(run_compare<bool>(OpType::not_equal, {true, false}, {true}),
            (std::vector<bool>{false, true}));
  EXPECT_EQ(run_compare<int8_t>(OpType::equal, {10, 11, 12}, {5}, q(0.25f, 1), q(0.5f, 0)),
            (std::vector<bool>{false, true, false}));
  EXPECT_ERROR(unsupported, run_compare<int8_t>(OpType::equal, {1}, {1}, q(1.5f, 0), q(0.5f, 0)));
  EXPECT_ERROR(unsupported, run_compare<bool>(OpType::less, {true}, {true}));
}

TEST(Select, TakesRowsOrSpreads) {
  TestOp rows(OpType::select);
  rows.input<bool>({2}, {true, false})
      .input<float>({2, 2}, {1, 2, 3, 4})
      .input<float>({2, 2}, {5, 6, 7, 8})
      .output<float>({2, 2});
  EXPECT_EQ(rows.run<float>(), (std::vector<float>{1, 2, 7, 8}));
  TestOp spread(OpType::select_v2);
  spread.input<bool>({2, 1}, {true, false})
      .input<int8_t>({}, {1})
      .input<int8_t>({2}, {5, 6})
      .output<int8_t>({2, 2});
  EXPECT_EQ(spread.run<int8_t>(), (std::vector<int8_t>{1, 1, 5, 6}));
  TestOp logic(OpType::logical_and);
  logic.input<bool>({2}, {true, false}).input<bool>({1}, {true}).output<bool>({2});
  EXPECT_EQ(logic.run<bool>(), (std::vector<bool>{true, false}));
}

TEST(Normalization, LengthsBecomeOne) {
  TestOp op(OpType::l2_normalization, FusedAttributes{});
  op.input<float>({2, 2}, {3, 4, 0, 0}).output<float>({2, 2});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{0.6f, 0.8f, 0, 0}));
  TestOp fixed(OpType::l2_normalization, FusedAttributes{});
  fixed.input<int8_t>({2, 2}, {31, 41, -99, 1}, q(0.1f, 1))
      .output<int8_t>({2, 2}, q(1.0f / 128, 0));
  EXPECT_EQ(fixed.run<int8_t>(), (std::vector<int8_t>{77, 102, -128, 0}));
  TestOp local(
      OpType::local_response_normalization,
      LocalResponseNormalizationAttributes{.radius = 1, .bias = 1, .alpha = 1, .beta = 0.5f});
  local.input<float>({1, 3}, {1, 2, 2}).output<float>({1, 3});
  const auto y = local.run<float>();
  EXPECT_NEAR(y[0], 1.0 / std::sqrt(2.0), 1e-6);
  EXPECT_NEAR(y[1], 2.0 / std::sqrt(6.0), 1e-6);
  EXPECT_NEAR(y[2], 2.0 / 3.0, 1e-6);
}

TEST(Resize, BilinearAndNearest) {
  TestOp op(OpType::resize_bilinear, ResizeAttributes{});
  op.input<float>({1, 1, 2, 1}, {3, 6}).constant<int32_t>({2}, {1, 4}).output<float>({1, 1, 4, 1});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{3, 4.5f, 6, 6}));
  TestOp fixed(OpType::resize_bilinear, ResizeAttributes{.half_pixel_centers = true});
  fixed.input<int8_t>({1, 1, 2, 1}, {-4, 8})
      .constant<int32_t>({2}, {1, 4})
      .output<int8_t>({1, 1, 4, 1});
  EXPECT_EQ(fixed.run<int8_t>(), (std::vector<int8_t>{-4, -1, 5, 8}));
  TestOp corners(OpType::resize_bilinear, ResizeAttributes{.align_corners = true});
  corners.input<float>({1, 1, 2, 1}, {0, 3})
      .constant<int32_t>({2}, {1, 4})
      .output<float>({1, 1, 4, 1});
  const auto y = corners.run<float>();
  EXPECT_NEAR(y[1], 1, 1e-6);
  TestOp nearest(OpType::resize_nearest_neighbor, ResizeAttributes{});
  nearest.input<int16_t>({1, 2, 1, 2}, {1, 2, 3, 4})
      .constant<int32_t>({2}, {3, 1})
      .output<int16_t>({1, 3, 1, 2});
  EXPECT_EQ(nearest.run<int16_t>(), (std::vector<int16_t>{1, 2, 1, 2, 3, 4}));
  TestOp both(OpType::resize_bilinear,
              ResizeAttributes{.align_corners = true, .half_pixel_centers = true});
  both.input<float>({1, 1, 2, 1}, {3, 6})
      .constant<int32_t>({2}, {1, 4})
      .output<float>({1, 1, 4, 1});
  EXPECT_ERROR(bad_file, both.prepare());
}

}  // namespace
}  // namespace smelt
