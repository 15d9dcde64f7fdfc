#include "smelt/train/layers/one_op.h"

namespace smelt::train {
namespace {

TEST(IndexMapLayer, JoinsAndCuts) {
  OneOp(OpType::concatenation, ConcatenationAttributes{.axis = 2}, 1)
      .value({1, 2, 3})
      .parameter({1, 2, 1})
      .value({1, 2, 2})
      .again(0)
      .check();
  OneOp(OpType::pack, PackAttributes{.count = 2, .axis = 1}, 2).value({1, 4}).value({1, 4}).check();
  OneOp(OpType::unpack, UnpackAttributes{.count = 3, .axis = 1}, 3)
      .value({1, 3, 2})
      .results(3)
      .check();
  OneOp(OpType::split, SplitAttributes{.count = 2}, 4)
      .indices(Shape{}, {2})
      .value({1, 3, 4})
      .results(2)
      .check();
  OneOp(OpType::split_v, SplitAttributes{.count = 3}, 5)
      .value({1, 6, 2})
      .indices({1, 2, 3})
      .indices(Shape{}, {1})
      .results(3)
      .check();
}

TEST(IndexMapLayer, MovesAxes) {
  OneOp(OpType::transpose, NoAttributes{}, 6).value({1, 2, 3, 4}).indices({0, 3, 1, 2}).check();
  OneOp(OpType::space_to_depth, BlockSizeAttributes{2}, 7).value({1, 4, 4, 3}).check();
  OneOp(OpType::depth_to_space, BlockSizeAttributes{2}, 8).value({1, 2, 2, 8}).check();
  OneOp(OpType::space_to_batch_nd, NoAttributes{}, 9)
      .value({1, 4, 4, 2})
      .indices({2, 2})
      .indices({2, 2}, {0, 0, 0, 0})
      .check();
  OneOp(OpType::batch_to_space_nd, NoAttributes{}, 10)
      .value({4, 2, 2, 2})
      .indices({2, 2})
      .indices({2, 2}, {0, 0, 0, 0})
      .check();
  OneOp(OpType::reverse_v2, NoAttributes{}, 11).value({1, 3, 4}).indices({1}).check();
}

TEST(IndexMapLayer, PadsAndSlices) {
  OneOp(OpType::pad, NoAttributes{}, 12)
      .value({1, 3, 2})
      .indices({3, 2}, {0, 0, 1, 2, 0, 1})
      .check();
  OneOp(OpType::padv2, NoAttributes{}, 13)
      .value({1, 3, 2})
      .indices({3, 2}, {0, 0, 1, 2, 0, 1})
      .parameter({1})
      .check();
  for (const bool symmetric : {false, true}) {
    OneOp(OpType::mirror_pad, MirrorPadAttributes{symmetric}, 14)
        .value({1, 4, 3})
        .indices({3, 2}, {0, 0, 2, 1, 1, 2})
        .check();
  }
  OneOp(OpType::slice, NoAttributes{}, 15)
      .value({1, 5, 3})
      .indices({0, 1, 1})
      .indices({-1, 3, 2})
      .check();
  OneOp(OpType::strided_slice,
        StridedSliceAttributes{.begin_mask = 1, .end_mask = 5, .shrink_axis_mask = 2}, 16)
      .value({1, 4, 5})
      .indices({0, 2, 1})
      .indices({0, 3, 0})
      .indices({1, 1, 2})
      .check();
}

TEST(IndexMapLayer, FollowsKernelsOfRareOps) {
  OneOp(OpType::reverse_sequence, ReverseSequenceAttributes{.seq_axis = 1}, 32)
      .value({1, 4, 2})
      .indices({3})
      .check();
  OneOp(OpType::matrix_diag, NoAttributes{}, 33).value({1, 3}).check();
  OneOp(OpType::matrix_set_diag, NoAttributes{}, 34).value({1, 3, 3}).value({1, 3}).check();
  OneOp(OpType::dynamic_update_slice, NoAttributes{}, 35)
      .value({1, 4, 2})
      .parameter({1, 2, 1})
      .indices({0, 1, 1})
      .check();
  OneOp(OpType::dilate, NoAttributes{}, 36)
      .value({1, 3, 2})
      .indices({1, 2, 3})
      .parameter(Shape{})
      .check();
}

TEST(IndexMapLayer, MovesIntegers) {
  OneOp(OpType::concatenation, ConcatenationAttributes{.axis = 1}, 37)
      .integers({1, 3}, -5, 5)
      .indices({1, 2}, {7, 8})
      .results(1, DataType::int32)
      .check();
}

TEST(IndexMapLayer, Repeats) {
  OneOp(OpType::tile, NoAttributes{}, 17).value({1, 2, 3}).indices({1, 3, 2}).check();
  OneOp(OpType::broadcast_to, NoAttributes{}, 18).value({1, 1, 3}).indices({1, 4, 3}).check();
  for (const bool half : {false, true}) {
    OneOp(OpType::resize_nearest_neighbor, ResizeAttributes{.half_pixel_centers = half}, 19)
        .value({1, 3, 4, 2})
        .indices({5, 6})
        .check();
  }
  OneOp(OpType::resize_nearest_neighbor, ResizeAttributes{.align_corners = true}, 20)
      .value({1, 3, 4, 2})
      .indices({5, 2})
      .check();
}

TEST(IdentityLayer, CopiesValues) {
  OneOp(OpType::reshape, ReshapeAttributes{}, 21).value({1, 2, 6}).indices({1, 4, 3}).check();
  OneOp(OpType::reshape, ReshapeAttributes{}, 22).value({1, 4, 3}).indices({4, 3}).check();
  OneOp(OpType::squeeze, SqueezeAttributes{{1}}, 23).value({1, 1, 6}).check();
  OneOp(OpType::expand_dims, NoAttributes{}, 24).value({1, 6}).indices({2}).check();
}

TEST(IdentityLayer, CastsNumbers) {
  const CastAttributes to_float{DataType::int32, DataType::float32};
  OneOp(OpType::cast, to_float, 25).integers({1, 6}, -5, 5).only_forward().check();
  OneOp(OpType::cast, CastAttributes{}, 26).value({1, 6}).check();
}

TEST(ForwardOnlyLayer, RunsKernels) {
  const auto flat = [](OpType type, uint64_t seed) {
    OneOp op(type, default_attributes(type), seed);
    op.value({1, 6}).constant({6}).results(1, DataType::boolean).check();
  };
  flat(OpType::greater, 27);
  flat(OpType::not_equal, 28);
  OneOp(OpType::add, ArithmeticAttributes{}, 29)
      .integers({1, 6}, -5, 5)
      .integers({1, 6}, -5, 5)
      .results(1, DataType::int32)
      .check();
  OneOp(OpType::zeros_like, NoAttributes{}, 30).value({1, 6}).check();
  OneOp refused(OpType::floor_mod, NoAttributes{}, 31);
  EXPECT_EQ(refused.value({1, 6}).constant({6}).error(),
            "the op: training cannot differentiate it");
}

TEST(Layers, RefuseToMixSamples) {
  const auto expect_refused = [](OneOp& op) {
    EXPECT_EQ(op.error(),
              "the op: it works along axis 0, that of the samples, and a batch would mix them");
  };
  expect_refused(OneOp(OpType::transpose, NoAttributes{}, 1).value({1, 2}).indices({1, 0}));
  expect_refused(OneOp(OpType::sum, ReduceAttributes{}, 1).value({1, 2}).indices({0}));
  expect_refused(OneOp(OpType::concatenation, ConcatenationAttributes{}, 1).value({1, 2}).again(0));
  expect_refused(OneOp(OpType::tile, NoAttributes{}, 1).value({1, 2}).indices({2, 1}));
}

}  // namespace
}  // namespace smelt::train
