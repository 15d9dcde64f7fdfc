#include <gtest/gtest.h>

#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

struct Case {
  BatchMatMulAttributes a;
  int32_t m = 1, k = 1, n = 1;
  Shape x, y, result;

  int64_t x_at(int32_t batch, int32_t row, int32_t i) const {
    return int64_t{batch} * m * k + (a.adj_x ? i * m + row : row * k + i);
  }
  int64_t y_at(int32_t batch, int32_t i, int32_t column) const {
    return int64_t{batch} * k * n + (a.adj_y ? column * k + i : i * n + column);
  }
};

/// Batches of 2 x 3 matrices, where either operand may broadcast over an axis or lack it.
Case random_case(TestRandom& random) {
  Case c;
  c.a.adj_x = random.below(2) != 0;
  c.a.adj_y = random.below(2) != 0;
  c.m = random.between(1, 20);
  c.k = random.between(1, 40);
  c.n = random.between(1, 40);
  const std::vector<int32_t> x_matrix =
      c.a.adj_x ? std::vector<int32_t>{c.k, c.m} : std::vector<int32_t>{c.m, c.k};
  const std::vector<int32_t> y_matrix =
      c.a.adj_y ? std::vector<int32_t>{c.n, c.k} : std::vector<int32_t>{c.k, c.n};
  const auto shape = [](std::vector<int32_t> lead, const std::vector<int32_t>& matrix) {
    lead.insert(lead.end(), matrix.begin(), matrix.end());
    return Shape(lead);
  };
  c.x = shape(random.below(2) ? std::vector<int32_t>{2, 3} : std::vector<int32_t>{2, 1}, x_matrix);
  c.y = shape(random.below(2) ? std::vector<int32_t>{2, 3} : std::vector<int32_t>{3}, y_matrix);
  c.result = {2, 3, c.m, c.n};
  return c;
}

/// Calls visit(result index, x index, y index) for every product.
template <class Visit>
void for_each_product(const Case& c, Visit&& visit) {
  for (int batch = 0; batch < 6; ++batch) {
    const int bx = c.x[1] == 3 ? batch : batch / 3;
    const int by = c.y.rank() == 4 ? batch : batch % 3;
    for (int m = 0; m < c.m; ++m) {
      for (int n = 0; n < c.n; ++n) {
        for (int k = 0; k < c.k; ++k) {
          visit((int64_t{batch} * c.m + m) * c.n + n, c.x_at(bx, m, k), c.y_at(by, k, n));
        }
      }
    }
  }
}

TEST(BatchMatMul, FloatEqualsOracle) {
  for_random_cases(1, [](TestRandom& random) {
    const Case c = random_case(random);
    const auto x = random.floats(c.x.elements(), -2, 2);
    const auto y = random.floats(c.y.elements(), -2, 2);
    std::vector<double> expected(c.result.elements()), magnitude(c.result.elements());
    for_each_product(c, [&](int64_t to, int64_t xi, int64_t yi) {
      expected[to] += double{x[xi]} * y[yi];
      magnitude[to] += std::abs(double{x[xi]} * y[yi]);
    });
    TestOp op(OpType::batch_matmul, c.a);
    op.input<float>(c.x, x).input<float>(c.y, y).output<float>(c.result);
    expect_near(op.run<float>(KernelChoice::plain), expected, magnitude);
    for_each_target([&] { expect_near(op.run<float>(), expected, magnitude); });
  });
}

template <class T>
void check_int(TestRandom& random, double spread) {
  const Case c = random_case(random);
  const auto x = random.integers<T>(c.x.elements());
  const auto y = random.integers<T>(c.y.elements());
  const auto zero = [&] { return sizeof(T) == 2 ? 0 : random.between(-128, 127); };
  const Quantization xq = Quantization::per_tensor(random.uniform(0.01f, 0.1f), zero());
  const Quantization yq = Quantization::per_tensor(random.uniform(0.01f, 0.1f), zero());
  const IntRange range = range_of(data_type_of<T>);
  const float scale = static_cast<float>(xq.scale[0] * yq.scale[0] * spread * spread *
                                         std::sqrt(double(c.k)) / range.high);
  const Quantization q = Quantization::per_tensor(scale, zero());
  std::vector<int64_t> sums(c.result.elements());
  for_each_product(c, [&](int64_t to, int64_t xi, int64_t yi) {
    sums[to] += (x[xi] - xq.zero_point[0]) * (y[yi] - yq.zero_point[0]);
  });
  TestOp op(OpType::batch_matmul, c.a);
  op.input<T>(c.x, x, xq).template input<T>(c.y, y, yq).template output<T>(c.result, q);
  const auto plain = op.run<T>(KernelChoice::plain);
  for (size_t i = 0; i < sums.size(); ++i) {
    const double real =
        double(sums[i]) * xq.scale[0] * yq.scale[0] / scale + double(q.zero_point[0]);
    ASSERT_TRUE(stored_right(plain[i], real, range)) << plain[i] * 1 << " for " << real;
  }
  for_each_target([&] { ASSERT_EQ(op.run<T>(), plain); });
}

TEST(BatchMatMul, Int8FastEqualsPlainEqualsOracle) {
  for_random_cases(2, [](TestRandom& random) { check_int<int8_t>(random, 100); });
}

TEST(BatchMatMul, Int16EqualsOracle) {
  for_random_cases(3, [](TestRandom& random) { check_int<int16_t>(random, 20000); });
}

TEST(BatchMatMul, RejectsShapesThatDoNotFit) {
  const auto prepare = [](Shape x, Shape y, Shape result) {
    TestOp op(OpType::batch_matmul, BatchMatMulAttributes{});
    op.input<float>(x, std::vector<float>(x.elements()));
    op.input<float>(y, std::vector<float>(y.elements())).output<float>(result);
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({2, 3, 4}, {4, 5}, {2, 3, 5}));
  EXPECT_NO_THROW(prepare({0, 3, 4}, {4, 5}, {0, 3, 5}));
  EXPECT_ERROR(bad_file, prepare({2, 3, 4}, {3, 5}, {2, 3, 5}));
  EXPECT_ERROR(bad_file, prepare({2, 3, 4}, {4, 5}, {3, 5}));
  EXPECT_ERROR(bad_file, prepare({2, 3, 4}, {3, 4, 5}, {2, 3, 5}));
  EXPECT_ERROR(bad_file, prepare({4}, {4, 5}, {5}));
}

}  // namespace
}  // namespace smelt
