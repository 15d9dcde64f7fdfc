#include <numeric>

#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

std::vector<int32_t> iota(int64_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

int32_t size_of(const std::vector<int32_t>& values) { return static_cast<int32_t>(values.size()); }

TEST(Move, ReshapeCopiesBytes) {
  TestOp op(OpType::reshape, ReshapeAttributes{});
  op.input<int16_t>({2, 3}, {1, 2, 3, 4, 5, 6}).output<int16_t>({3, 2});
  EXPECT_EQ(op.run<int16_t>(), (std::vector<int16_t>{1, 2, 3, 4, 5, 6}));
  TestOp wrong(OpType::reshape, ReshapeAttributes{});
  wrong.input<int16_t>({2, 3}, {1, 2, 3, 4, 5, 6}).output<int16_t>({4});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

TEST(Move, ShapeAndRank) {
  TestOp shape(OpType::shape, ShapeOfAttributes{});
  shape.input<float>({2, 1, 3}, std::vector<float>(6)).output<int64_t>({3});
  EXPECT_EQ(shape.run<int64_t>(), (std::vector<int64_t>{2, 1, 3}));
  TestOp rank(OpType::rank);
  rank.input<float>({2, 1, 3}, std::vector<float>(6)).output<int32_t>({});
  EXPECT_EQ(rank.run<int32_t>(), (std::vector<int32_t>{3}));
}

TEST(Move, TransposeMatchesAnIndexOracle) {
  TestRandom random(41);
  for (int round = 0; round < 100; ++round) {
    const int rank = random.between(1, 6);
    std::vector<int32_t> dims, permutation = iota(rank);
    for (int i = 0; i < rank; ++i) dims.push_back(random.between(1, 4));
    random.shuffle(permutation);
    const Shape x(dims);
    Shape y = x;
    for (int i = 0; i < rank; ++i) y[i] = x[permutation[static_cast<size_t>(i)]];
    TestOp op(OpType::transpose);
    op.input<int32_t>(x, iota(x.elements()))
        .constant<int32_t>({rank}, permutation)
        .output<int32_t>(y);
    const auto result = op.run<int32_t>();
    for (int64_t i = 0; i < y.elements(); ++i) {
      std::vector<int64_t> at(static_cast<size_t>(rank));
      int64_t rest = i, source = 0;
      for (int k = rank - 1; k >= 0; --k) {
        at[static_cast<size_t>(permutation[static_cast<size_t>(k)])] = rest % y[k];
        rest /= y[k];
      }
      for (int k = 0; k < rank; ++k) source = source * x[k] + at[static_cast<size_t>(k)];
      ASSERT_EQ(result[static_cast<size_t>(i)], source);
    }
  }
  TestOp twice(OpType::transpose);
  twice.input<int32_t>({2, 2}, iota(4)).constant<int32_t>({2}, {0, 0}).output<int32_t>({2, 2});
  EXPECT_ERROR(bad_file, twice.prepare());
}

TEST(Move, ConcatenateAndSplitAreInverse) {
  TestOp join(OpType::concatenation, ConcatenationAttributes{.axis = -1});
  join.input<int32_t>({2, 1}, {0, 3}).input<int32_t>({2, 2}, {1, 2, 4, 5}).output<int32_t>({2, 3});
  EXPECT_EQ(join.run<int32_t>(), iota(6));
  TestOp split(OpType::split_v, SplitAttributes{.count = 2});
  split.input<int32_t>({2, 3}, iota(6))
      .constant<int32_t>({2}, {1, 2})
      .constant<int32_t>({}, {1})
      .output<int32_t>({2, 1})
      .output<int32_t>({2, 2});
  EXPECT_EQ(split.run<int32_t>(), (std::vector<int32_t>{0, 3}));
  EXPECT_EQ(split.result<int32_t>(1), (std::vector<int32_t>{1, 2, 4, 5}));
  TestOp pack(OpType::pack, PackAttributes{.count = 2, .axis = 1});
  pack.input<int8_t>({2}, {1, 2}).input<int8_t>({2}, {3, 4}).output<int8_t>({2, 2});
  EXPECT_EQ(pack.run<int8_t>(), (std::vector<int8_t>{1, 3, 2, 4}));
  TestOp unpack(OpType::unpack, UnpackAttributes{.count = 2, .axis = 0});
  unpack.input<int8_t>({2, 2}, {1, 2, 3, 4}).output<int8_t>({2}).output<int8_t>({2});
  unpack.run<int8_t>();
  EXPECT_EQ(unpack.result<int8_t>(1), (std::vector<int8_t>{3, 4}));
  TestOp wrong(OpType::concatenation, ConcatenationAttributes{.axis = 0});
  wrong.input<int32_t>({2, 1}, {0, 3}).input<int32_t>({2, 2}, {1, 2, 4, 5}).output<int32_t>({4, 2});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

TEST(Move, ConcatenateRescalesUint8Only) {
  const auto q = [](float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); };
  TestOp op(OpType::concatenation, ConcatenationAttributes{.axis = 0});
  op.input<uint8_t>({2}, {10, 20}, q(0.5f, 10))
      .input<uint8_t>({1}, {7}, q(1, 0))
      .output<uint8_t>({3}, q(1, 0));
  EXPECT_EQ(op.run<uint8_t>(), (std::vector<uint8_t>{0, 5, 7}));
  TestOp refused(OpType::concatenation, ConcatenationAttributes{.axis = 0});
  refused.input<int8_t>({1}, {1}, q(0.5f, 1)).output<int8_t>({1}, q(1, 0));
  EXPECT_ERROR(unsupported, refused.prepare());
}

TEST(Move, PadPutsCellsAround) {
  const auto q = Quantization::per_tensor(0.5f, -3);
  TestOp op(OpType::pad);
  op.input<int8_t>({2, 2}, {1, 2, 3, 4}, q)
      .constant<int32_t>({2, 2}, {1, 0, 0, 2})
      .output<int8_t>({3, 4}, q);
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{-3, -3, -3, -3, 1, 2, -3, -3, 3, 4, -3, -3}));
  TestOp value(OpType::padv2);
  value.input<float>({1, 2, 1}, {1, 2})
      .constant<int64_t>({3, 2}, {0, 1, 1, 0, 0, 0})
      .constant<float>({}, {9})
      .output<float>({2, 3, 1});
  EXPECT_EQ(value.run<float>(), (std::vector<float>{9, 1, 2, 9, 9, 9}));
  TestOp wrong(OpType::pad);
  wrong.input<int8_t>({2, 2}, {1, 2, 3, 4}, q)
      .constant<int32_t>({2, 2}, {1, 0, 0, 2})
      .output<int8_t>({3, 3}, q);
  EXPECT_ERROR(bad_file, wrong.prepare());
}

TEST(Move, MirrorPadReflects) {
  const auto run = [](bool symmetric) {
    TestOp op(OpType::mirror_pad, MirrorPadAttributes{.symmetric = symmetric});
    op.input<int32_t>({1, 3}, {1, 2, 3})
        .constant<int32_t>({2, 2}, {0, 0, 2, 2})
        .output<int32_t>({1, 7});
    return op.run<int32_t>();
  };
  EXPECT_EQ(run(false), (std::vector<int32_t>{3, 2, 1, 2, 3, 2, 1}));
  EXPECT_EQ(run(true), (std::vector<int32_t>{2, 1, 1, 2, 3, 3, 2}));
}

std::vector<int32_t> strided_slice(Shape x, StridedSliceAttributes attributes,
                                   std::vector<int32_t> begin, std::vector<int32_t> end,
                                   std::vector<int32_t> strides, Shape y) {
  TestOp op(OpType::strided_slice, attributes);
  const int32_t n = size_of(begin);
  op.input<int32_t>(x, iota(x.elements()))
      .constant<int32_t>({n}, begin)
      .constant<int32_t>({n}, end)
      .constant<int32_t>({n}, strides)
      .output<int32_t>(y);
  return op.run<int32_t>();
}

TEST(Move, StridedSliceFollowsItsMasks) {
  EXPECT_EQ(strided_slice({4}, {}, {1}, {4}, {2}, {2}), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(strided_slice({4}, {}, {-1}, {-5}, {-2}, {2}), (std::vector<int32_t>{3, 1}));
  EXPECT_EQ(strided_slice({4}, {.begin_mask = 1, .end_mask = 1}, {9}, {9}, {-1}, {4}),
            (std::vector<int32_t>{3, 2, 1, 0}));
  EXPECT_EQ(strided_slice({2, 3}, {.shrink_axis_mask = 1}, {1, 0}, {9, 2}, {1, 1}, {2}),
            (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(strided_slice({2, 2, 2}, {.ellipsis_mask = 1}, {0, 1}, {0, 2}, {1, 1}, {2, 2, 1}),
            (std::vector<int32_t>{1, 3, 5, 7}));
  EXPECT_EQ(strided_slice({3}, {.new_axis_mask = 1}, {0, 1}, {0, 3}, {1, 1}, {1, 2}),
            (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(strided_slice({5}, {.offset = true}, {1}, {3}, {1}, {3}),
            (std::vector<int32_t>{1, 2, 3}));
  EXPECT_ERROR(bad_file, strided_slice({4}, {}, {1}, {4}, {0}, {2}));
  EXPECT_ERROR(bad_file, strided_slice({4}, {}, {1}, {4}, {2}, {3}));
  EXPECT_ERROR(bad_file, strided_slice({4}, {.shrink_axis_mask = 1}, {4}, {5}, {1}, {}));
}

TEST(Move, SlicesWithRunTimeBeginsStayInside) {
  for (const int32_t begin : {-100, 0, 2, 100, INT32_MAX, INT32_MIN}) {
    TestOp slice(OpType::slice);
    slice.input<int32_t>({4}, iota(4))
        .input<int32_t>({1}, {begin})
        .constant<int32_t>({1}, {2})
        .output<int32_t>({2});
    const int32_t first = std::clamp(begin, 0, 2);
    EXPECT_EQ(slice.run<int32_t>(), (std::vector<int32_t>{first, first + 1}));
    TestOp strided(OpType::strided_slice, StridedSliceAttributes{.shrink_axis_mask = 1});
    strided.input<int32_t>({4, 2}, iota(8))
        .input<int32_t>({1}, {begin})
        .input<int32_t>({1}, {0})
        .constant<int32_t>({1}, {1})
        .output<int32_t>({2});
    const int32_t row = std::clamp(begin, 0, 3);
    EXPECT_EQ(strided.run<int32_t>()[0], 2 * row);
  }
  TestOp outside(OpType::slice);
  outside.input<int32_t>({4}, iota(4))
      .constant<int32_t>({1}, {3})
      .constant<int32_t>({1}, {2})
      .output<int32_t>({2});
  EXPECT_ERROR(bad_file, outside.prepare());
}

TEST(Move, DynamicUpdateSliceClampsItsStart) {
  TestOp op(OpType::dynamic_update_slice);
  op.input<int32_t>({3, 3}, std::vector<int32_t>(9, 0))
      .input<int32_t>({2, 1}, {1, 2})
      .input<int32_t>({2}, {5, 1})
      .output<int32_t>({3, 3});
  EXPECT_EQ(op.run<int32_t>(), (std::vector<int32_t>{0, 0, 0, 0, 1, 0, 0, 2, 0}));
}

TEST(Move, GatherCountsFromTheEndAndGivesZerosBeyond) {
  TestOp op(OpType::gather, GatherAttributes{.axis = 1});
  op.input<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6})
      .input<int32_t>({3}, {-1, -4, 9})
      .output<int32_t>({2, 3});
  EXPECT_EQ(op.run<int32_t>(), (std::vector<int32_t>{3, 0, 0, 6, 0, 0}));
  TestOp constant(OpType::gather, GatherAttributes{.axis = 1});
  constant.input<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6})
      .constant<int32_t>({1}, {3})
      .output<int32_t>({2, 1});
  EXPECT_ERROR(bad_file, constant.prepare());
  TestOp batch(OpType::gather, GatherAttributes{.axis = 1, .batch_dims = 1});
  batch.input<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6})
      .input<int64_t>({2, 1}, {2, 0})
      .output<int32_t>({2, 1});
  EXPECT_EQ(batch.run<int32_t>(), (std::vector<int32_t>{3, 4}));
  TestOp nd(OpType::gather_nd);
  nd.input<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6})
      .input<int32_t>({3, 2}, {1, 2, 0, 3, 0, 0})
      .output<int32_t>({3});
  EXPECT_EQ(nd.run<int32_t>(), (std::vector<int32_t>{6, 0, 1}));
  TestOp table(OpType::embedding_lookup);
  table.input<int32_t>({2}, {1, 7})
      .input<int8_t>({2, 2}, {1, 2, 3, 4}, Quantization::per_tensor(0.5f, 0))
      .output<float>({2, 2});
  EXPECT_EQ(table.run<float>(), (std::vector<float>{1.5f, 2, 0, 0}));
}

TEST(Move, OneHotTileFillRange) {
  TestOp hot(OpType::one_hot, OneHotAttributes{.axis = -1});
  hot.input<int32_t>({3}, {1, 0, 5})
      .constant<int32_t>({}, {2})
      .constant<float>({}, {7})
      .constant<float>({}, {-1})
      .output<float>({3, 2});
  EXPECT_EQ(hot.run<float>(), (std::vector<float>{-1, 7, 7, -1, -1, -1}));
  TestOp tile(OpType::tile);
  tile.input<int32_t>({2, 2}, iota(4)).constant<int32_t>({2}, {2, 2}).output<int32_t>({4, 4});
  EXPECT_EQ(tile.run<int32_t>(),
            (std::vector<int32_t>{0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3}));
  TestOp fill(OpType::fill);
  fill.constant<int32_t>({1}, {3}).input<int16_t>({}, {-4}).output<int16_t>({3});
  EXPECT_EQ(fill.run<int16_t>(), (std::vector<int16_t>{-4, -4, -4}));
  TestOp range(OpType::range);
  range.input<int32_t>({}, {5}).input<int32_t>({}, {0}).input<int32_t>({}, {-2}).output<int32_t>(
      {3});
  EXPECT_EQ(range.run<int32_t>(), (std::vector<int32_t>{5, 3, 1}));
  TestOp spread(OpType::broadcast_to);
  spread.input<int8_t>({2, 1}, {1, 2}).constant<int32_t>({3}, {2, 2, 2}).output<int8_t>({2, 2, 2});
  EXPECT_EQ(spread.run<int8_t>(), (std::vector<int8_t>{1, 1, 2, 2, 1, 1, 2, 2}));
  TestOp reverse(OpType::reverse_v2);
  reverse.input<int32_t>({2, 2}, iota(4)).constant<int32_t>({1}, {1}).output<int32_t>({2, 2});
  EXPECT_EQ(reverse.run<int32_t>(), (std::vector<int32_t>{1, 0, 3, 2}));
}

TEST(Move, SpaceAndDepthAreInverse) {
  TestOp deep(OpType::space_to_depth, BlockSizeAttributes{.block_size = 2});
  deep.input<int32_t>({1, 2, 4, 1}, iota(8)).output<int32_t>({1, 1, 2, 4});
  const std::vector<int32_t> expected = {0, 1, 4, 5, 2, 3, 6, 7};
  EXPECT_EQ(deep.run<int32_t>(), expected);
  TestOp wide(OpType::depth_to_space, BlockSizeAttributes{.block_size = 2});
  wide.input<int32_t>({1, 1, 2, 4}, expected).output<int32_t>({1, 2, 4, 1});
  EXPECT_EQ(wide.run<int32_t>(), iota(8));
  TestOp blocks(OpType::space_to_batch_nd);
  blocks.input<int32_t>({1, 2, 2, 1}, {1, 2, 3, 4})
      .constant<int32_t>({2}, {2, 2})
      .constant<int32_t>({2, 2}, {1, 1, 0, 0})
      .output<int32_t>({4, 2, 1, 1});
  const std::vector<int32_t> batches = {0, 3, 0, 4, 1, 0, 2, 0};
  EXPECT_EQ(blocks.run<int32_t>(), batches);
  TestOp back(OpType::batch_to_space_nd);
  back.input<int32_t>({4, 2, 1, 1}, batches)
      .constant<int32_t>({2}, {2, 2})
      .constant<int32_t>({2, 2}, {1, 1, 0, 0})
      .output<int32_t>({1, 2, 2, 1});
  EXPECT_EQ(back.run<int32_t>(), (std::vector<int32_t>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace smelt
