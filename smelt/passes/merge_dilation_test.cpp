#include "smelt/ir/builder.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

constexpr DataType kFloat = DataType::float32;

/// A 3x3 convolution of dilation 2 over 8x8 cells as TensorFlow 1 spells it: `front` cells of
/// padding on either side, and what makes the sides even.
Graph dilated(int front) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 8, 8, 2});
  const TensorId block = b.constant<int32_t>("block", {2}, {2, 2});
  const TensorId sides = b.constant<int32_t>("sides", {2, 2}, {front, front, front, front});
  const TensorId crops = b.constant<int32_t>("crops", {2, 2}, {0, 0, 0, 0});
  const int wide = (8 + 2 * front) / 2;
  const TensorId spread = b.op(OpType::space_to_batch_nd, {x, block, sides}, NoAttributes{},
                               "spread", kFloat, {4, wide, wide, 2});
  const TensorId w = b.constant<float>("w", {3, 3, 3, 2}, random_values(54, 1));
  const TensorId conv =
      b.op(OpType::conv_2d, {spread, w}, Conv2DAttributes{.padding = Padding::valid}, "conv",
           kFloat, {4, wide - 2, wide - 2, 3});
  const int out = 2 * (wide - 2);
  b.output(b.op(OpType::batch_to_space_nd, {conv, block, crops}, NoAttributes{}, "y", kFloat,
                {1, out, out, 3}));
  return std::move(b).build();
}

TEST(MergeDilation, BecomesAnAttribute) {
  for (const auto& [front, padding] : {std::pair{0, Padding::valid}, {2, Padding::same}}) {
    SCOPED_TRACE(front);
    const Graph before = dilated(front);
    Graph after = before;
    EXPECT_EQ(merge_dilation(after), 1);
    ASSERT_EQ(after.op_count(), 1u);
    const auto& conv = after.op(after.ops()[0]).as<Conv2DAttributes>();
    EXPECT_EQ(conv.dilation_h, 2);
    EXPECT_EQ(conv.padding, padding);
    expect_same_results(before, after);
  }
}

TEST(MergeDilation, SequencesKeepTheirReshapes) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 10, 2});
  const TensorId block = b.constant<int32_t>("block", {1}, {2});
  const TensorId none = b.constant<int32_t>("none", {1, 2}, {0, 0});
  const TensorId spread = b.op(OpType::space_to_batch_nd, {x, block, none}, NoAttributes{},
                               "spread", kFloat, {2, 5, 2});
  const TensorId in = b.constant<int32_t>("in", {4}, {2, 1, 5, 2});
  const TensorId rows = b.op(OpType::reshape, {spread, in},
                             ReshapeAttributes{.new_shape = std::vector<int32_t>{2, 1, 5, 2}},
                             "rows", kFloat, {2, 1, 5, 2});
  const TensorId w = b.constant<float>("w", {4, 1, 3, 2}, random_values(24, 1));
  const TensorId conv =
      b.op(OpType::conv_2d, {rows, w}, Conv2DAttributes{.padding = Padding::valid}, "conv", kFloat,
           {2, 1, 3, 4});
  const TensorId out = b.constant<int32_t>("out", {3}, {2, 3, 4});
  const TensorId steps = b.op(OpType::reshape, {conv, out},
                              ReshapeAttributes{.new_shape = std::vector<int32_t>{2, 3, 4}},
                              "steps", kFloat, {2, 3, 4});
  b.output(b.op(OpType::batch_to_space_nd, {steps, block, none}, NoAttributes{}, "y", kFloat,
                {1, 6, 4}));
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(merge_dilation(after), 1);
  EXPECT_EQ(after.op_count(), 3u);
  expect_same_results(before, after);
}

TEST(MergeDilation, NotWithPaddingOfItsOwn) {
  Graph graph = dilated(4);
  EXPECT_EQ(merge_dilation(graph), 0);
}

}  // namespace
}  // namespace smelt
