#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "smelt/kernels/test_op.h"
#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

// Ops that search, scatter and move values by index.

TEST(TopK, EqualsSortedValues) {
  for_random_cases(1, [](TestRandom& random) {
    const int32_t rows = random.between(1, 4), columns = random.between(1, 30);
    const int32_t k = random.between(0, columns);
    const auto x = random.integers<int32_t>(int64_t{rows} * columns, -5, 5);
    TestOp op(OpType::topk_v2);
    op.input<int32_t>({rows, columns}, x).constant<int32_t>({}, {k});
    op.output<int32_t>({rows, k}).output<int32_t>({rows, k});
    const auto values = op.run<int32_t>();
    const auto indices = op.result<int32_t>(1);
    for (int r = 0; r < rows; ++r) {
      std::vector<int32_t> order(static_cast<size_t>(columns));
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return x[r * columns + a] > x[r * columns + b];
      });
      for (int i = 0; i < k; ++i) {
        ASSERT_EQ(indices[r * k + i], order[i]);
        ASSERT_EQ(values[r * k + i], x[r * columns + order[i]]);
      }
    }
  });
}

TEST(TopK, NotANumberIsLast) {
  TestOp op(OpType::topk_v2);
  op.input<float>({4}, {NAN, -1, INFINITY, -INFINITY}).constant<int32_t>({}, {4});
  op.output<float>({4}).output<int16_t>({4});
  op.run<float>();
  EXPECT_EQ(op.result<int16_t>(1), (std::vector<int16_t>{2, 1, 3, 0}));
}

TEST(TopK, RejectsMalformedOps) {
  const auto prepare = [](Shape x, Shape y, Shape i) {
    TestOp op(OpType::topk_v2);
    op.input<float>(x, std::vector<float>(x.elements())).constant<int32_t>({}, {1});
    op.output<float>(y).output<int32_t>(i);
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({2, 3}, {2, 1}, {2, 1}));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {2, 4}, {2, 4}));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {2, 1}, {2, 2}));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {3, 1}, {3, 1}));
  EXPECT_ERROR(bad_file, prepare({}, {}, {}));
}

TEST(Where, ListsPositions) {
  TestOp op(OpType::where);
  op.input<float>({2, 3}, {0, 1, 0, NAN, 0, -0.0f}).output<int64_t>({2, 2});
  EXPECT_EQ(op.run<int64_t>(), (std::vector<int64_t>{0, 1, 1, 0}));
  // More or fewer rows than there are positions stay inside the result.
  TestOp more(OpType::where);
  more.input<bool>({3}, {true, true, true}).output<int64_t>({1, 1});
  EXPECT_EQ(more.run<int64_t>(), (std::vector<int64_t>{0}));
  TestOp fewer(OpType::where);
  fewer.input<bool>({3}, {false, true, false}).output<int64_t>({2, 1});
  EXPECT_EQ(fewer.run<int64_t>(), (std::vector<int64_t>{1, 0}));
}

TEST(Unique, EqualsFirstOccurrences) {
  for_random_cases(100, [](TestRandom& random) {
    const auto x = random.integers<int16_t>(random.between(0, 40), -6, 6);
    std::vector<int16_t> values;
    std::vector<int64_t> places;
    for (const int16_t v : x) {
      const auto found = std::find(values.begin(), values.end(), v);
      places.push_back(found - values.begin());
      if (found == values.end()) values.push_back(v);
    }
    TestOp op(OpType::unique, UniqueAttributes{.index_type = DataType::int64});
    op.input<int16_t>({static_cast<int32_t>(x.size())}, x);
    op.output<int16_t>({static_cast<int32_t>(values.size())});
    op.output<int64_t>({static_cast<int32_t>(x.size())});
    ASSERT_EQ(op.run<int16_t>(), values);
    ASSERT_EQ(op.result<int64_t>(1), places);
  });
}

TEST(ScatterNd, AddsSlices) {
  TestOp op(OpType::scatter_nd);
  op.input<int32_t>({4, 1}, {2, 0, 2, 9}).input<float>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  op.constant<int32_t>({2}, {3, 2}).output<float>({3, 2});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{3, 4, 0, 0, 6, 8}));
}

TEST(ScatterNd, RejectsMalformedOps) {
  const auto prepare = [](Shape indices, Shape updates, Shape y) {
    TestOp op(OpType::scatter_nd);
    op.input<int32_t>(indices, std::vector<int32_t>(indices.elements()));
    op.input<float>(updates, std::vector<float>(updates.elements()));
    op.constant<int32_t>({y.rank()}, y.dims()).output<float>(y);
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({2, 1}, {2, 3}, {4, 3}));
  EXPECT_ERROR(bad_file, prepare({2, 3}, {2}, {4, 3}));
  EXPECT_ERROR(bad_file, prepare({2, 1}, {2, 2}, {4, 3}));
  EXPECT_ERROR(bad_file, prepare({}, {2, 3}, {4, 3}));
}

TEST(SparseToDense, PlacesValues) {
  TestOp op(OpType::sparse_to_dense, SparseToDenseAttributes{});
  op.input<int64_t>({2, 2}, {0, 1, 1, 2}).constant<int64_t>({2}, {2, 3});
  op.input<int8_t>({2}, {5, 6}).input<int8_t>({}, {-1}).output<int8_t>({2, 3});
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{-1, 5, -1, -1, -1, 6}));
  TestOp one(OpType::sparse_to_dense, SparseToDenseAttributes{});
  one.input<int32_t>({3}, {0, 2, -1}).constant<int32_t>({1}, {3});
  one.input<float>({}, {7}).input<float>({}, {0}).output<float>({3});
  EXPECT_EQ(one.run<float>(), (std::vector<float>{7, 0, 7}));
}

TEST(UnsortedSegments, FoldSlices) {
  const std::map<OpType, std::vector<float>> expected = {
      {OpType::unsorted_segment_sum, {6, 0, 2}},
      {OpType::unsorted_segment_prod, {8, 1, 2}},
      {OpType::unsorted_segment_max, {4, std::numeric_limits<float>::lowest(), 2}},
      {OpType::unsorted_segment_min, {2, std::numeric_limits<float>::max(), 2}}};
  for (const auto& [type, values] : expected) {
    TestOp op(type);
    op.input<float>({4}, {4, 2, 2, 9}).input<int32_t>({4}, {0, 2, 0, -1});
    op.constant<int32_t>({}, {3}).output<float>({3});
    EXPECT_EQ(op.run<float>(), values);
  }
  TestOp sum(OpType::segment_sum);
  sum.input<int32_t>({3, 2}, {1, 2, 3, 4, 5, 6}).constant<int32_t>({3}, {0, 0, 1});
  sum.output<int32_t>({2, 2});
  EXPECT_EQ(sum.run<int32_t>(), (std::vector<int32_t>{4, 6, 5, 6}));
}

TEST(UnsortedSegments, RejectsMalformedOps) {
  const auto prepare = [](Shape x, Shape ids, Shape y) {
    TestOp op(OpType::unsorted_segment_sum);
    op.input<float>(x, std::vector<float>(x.elements()));
    op.input<int32_t>(ids, std::vector<int32_t>(ids.elements())).constant<int32_t>({}, {3});
    op.output<float>(y);
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({4, 2}, {4}, {3, 2}));
  EXPECT_ERROR(bad_file, prepare({4, 2}, {3}, {3, 2}));
  EXPECT_ERROR(bad_file, prepare({4, 2}, {4}, {3, 3}));
  EXPECT_ERROR(bad_file, prepare({4}, {4, 1}, {3}));
  EXPECT_ERROR(bad_file, prepare({4, 2}, {4}, {}));
}

TEST(Matrix, Diagonals) {
  TestOp diag(OpType::matrix_diag);
  diag.input<int16_t>({2, 2}, {1, 2, 3, 4}).output<int16_t>({2, 2, 2});
  EXPECT_EQ(diag.run<int16_t>(), (std::vector<int16_t>{1, 0, 0, 2, 3, 0, 0, 4}));
  TestOp set(OpType::matrix_set_diag);
  set.input<float>({2, 3}, {1, 2, 3, 4, 5, 6}).input<float>({2}, {8, 9}).output<float>({2, 3});
  EXPECT_EQ(set.run<float>(), (std::vector<float>{8, 2, 3, 4, 9, 6}));
  TestOp wrong(OpType::matrix_set_diag);
  wrong.input<float>({2, 3}, {1, 2, 3, 4, 5, 6}).input<float>({3}, {7, 8, 9}).output<float>({2, 3});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

TEST(ReverseSequence, EqualsOracle) {
  for_random_cases(200, [](TestRandom& random) {
    const int32_t seq = random.between(1, 5), batch = random.between(1, 4),
                  in = random.between(1, 3);
    const bool batch_first = random.below(2) != 0;
    const Shape shape = batch_first ? Shape{batch, seq, in} : Shape{seq, batch, in};
    const auto x = random.integers<int32_t>(shape.elements());
    const auto lengths = random.integers<int64_t>(batch, 0, seq);
    TestOp op(OpType::reverse_sequence,
              ReverseSequenceAttributes{.seq_axis = batch_first, .batch_axis = !batch_first});
    op.input<int32_t>(shape, x).input<int64_t>({batch}, lengths).output<int32_t>(shape);
    const auto y = op.run<int32_t>();
    const auto at = [&](int b, int s, int i) {
      return ((batch_first ? b * seq + s : s * batch + b) * in) + i;
    };
    for (int b = 0; b < batch; ++b) {
      for (int s = 0; s < seq; ++s) {
        const int from = s < lengths[b] ? static_cast<int>(lengths[b]) - 1 - s : s;
        for (int i = 0; i < in; ++i) ASSERT_EQ(y[at(b, s, i)], x[at(b, from, i)]);
      }
    }
  });
  TestOp same(OpType::reverse_sequence, ReverseSequenceAttributes{});
  same.input<float>({2, 2}, {1, 2, 3, 4}).input<int32_t>({2}, {1, 1}).output<float>({2, 2});
  EXPECT_ERROR(bad_file, same.prepare());
}

TEST(Dilate, PutsPaddingBetween) {
  TestOp op(OpType::dilate);
  op.input<int8_t>({2, 2}, {1, 2, 3, 4}).constant<int32_t>({2}, {2, 3}).input<int8_t>({}, {-1});
  op.output<int8_t>({3, 4});
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{1, -1, -1, 2, -1, -1, -1, -1, 3, -1, -1, 4}));
  TestOp wrong(OpType::dilate);
  wrong.input<int8_t>({2}, {1, 2}).constant<int32_t>({1}, {0}).input<int8_t>({}, {0});
  wrong.output<int8_t>({1});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

TEST(Discrete, BitsAndShifts) {
  TestOp bits(OpType::bitwise_xor);
  bits.input<int8_t>({3}, {1, -1, 12}).input<int8_t>({1}, {5}).output<int8_t>({3});
  EXPECT_EQ(bits.run<int8_t>(), (std::vector<int8_t>{4, -6, 9}));
  TestOp shift(OpType::right_shift);
  shift.input<int16_t>({4}, {-9, 100, 7, -1}).input<int16_t>({4}, {1, 99, -3, 15});
  shift.output<int16_t>({4});
  EXPECT_EQ(shift.run<int16_t>(), (std::vector<int16_t>{-5, 0, 7, -1}));
}

TEST(Discrete, Buckets) {
  TestOp op(OpType::bucketize, BucketizeAttributes{.boundaries = {0, 10, 100}});
  op.input<float>({4}, {-5, 10, 99, 1000}).output<int32_t>({4});
  EXPECT_EQ(op.run<int32_t>(), (std::vector<int32_t>{0, 2, 2, 3}));
  TestOp wrong(OpType::bucketize, BucketizeAttributes{.boundaries = {1, 0}});
  wrong.input<float>({1}, {0}).output<int32_t>({1});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

TEST(Discrete, FakeQuantKeepsZeroAndItsGrid) {
  TestOp op(OpType::fake_quant, FakeQuantAttributes{.min = -1, .max = 1.6f, .bits = 8});
  op.input<float>({4}, {0, -5, 5, 0.5f}).output<float>({4});
  const auto y = op.run<float>();
  EXPECT_NEAR(y[0], 0.0f, 1e-6f);
  EXPECT_NEAR(y[1], -1.0f, 0.006f);
  EXPECT_NEAR(y[2], 1.6f, 0.006f);
  EXPECT_NEAR(y[3], 0.5f, 0.0052f);
  TestOp wrong(OpType::fake_quant, FakeQuantAttributes{.min = 1, .max = 1, .bits = 8});
  wrong.input<float>({1}, {0}).output<float>({1});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

}  // namespace
}  // namespace smelt
