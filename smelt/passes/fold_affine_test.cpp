#include "smelt/ir/builder.h"
#include "smelt/ir/dump.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

/// CONV_2D [1,6,6,3] -> [1,4,4,4] with or without bias.
TensorId conv(GraphBuilder& b, TensorId x, bool bias = true) {
  const TensorId w = b.constant<float>("w", {4, 3, 3, 3}, random_values(108, 1));
  const TensorId bias_id = bias ? b.constant<float>("b", {4}, random_values(4, 2)) : TensorId::none;
  return b.op(OpType::conv_2d, {x, w, bias_id}, Conv2DAttributes{.padding = Padding::valid}, "conv",
              DataType::float32, {1, 4, 4, 4});
}

TEST(FoldAffineBehind, MovesScaleAndOffsetIntoConvolution) {
  GraphBuilder b;
  TensorId y = conv(b, b.input("x", DataType::float32, {1, 6, 6, 3}));
  y = b.op(OpType::mul, {y, b.constant<float>("s", {4}, {1, 2, -3, 0.5})}, FusedAttributes{}, "mul",
           DataType::float32, {1, 4, 4, 4});
  y = b.op(OpType::add, {y, b.constant<float>("o", {1, 1, 1, 4}, {1, 2, 3, 4})},
           ArithmeticAttributes{.activation = Activation::relu}, "add", DataType::float32,
           {1, 4, 4, 4});
  b.output(y);
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(fold_affine_behind(after), 2);
  EXPECT_EQ(dump(after),
            "graph main\n"
            "  input x: float32[1, 6, 6, 3]\n"
            "  add: float32[1, 4, 4, 4] = CONV_2D(x, w, b) padding=valid stride_h=1 stride_w=1 "
            "dilation_h=1 dilation_w=1 activation=relu quantized_bias_type=float32\n"
            "  output add\n");
  expect_same_results(before, after);
}

TEST(FoldAffineBehind, MakesABiasWhereThereIsNone) {
  GraphBuilder b;
  TensorId y = conv(b, b.input("x", DataType::float32, {1, 6, 6, 3}), false);
  y = b.op(OpType::add, {y, b.constant<float>("o", {}, {1.5})}, ArithmeticAttributes{}, "add",
           DataType::float32, {1, 4, 4, 4});
  b.output(y);
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(fold_affine_behind(after), 1);
  EXPECT_EQ(after.op_count(), 1u);
  EXPECT_EQ(describe(after, after.op(after.ops()[0]).input(2)), "conv/b");
  expect_same_results(before, after);
}

TEST(FoldAffineBehind, HandlesDepthwiseGroupedTransposedAndDense) {
  struct Case {
    OpType type;
    Shape x, w, y;
    Attributes attributes;
  };
  const std::vector<Case> cases{
      {OpType::depthwise_conv_2d,
       {1, 5, 5, 2},
       {1, 3, 3, 4},
       {1, 5, 5, 4},
       DepthwiseConv2DAttributes{.depth_multiplier = 2}},
      {OpType::conv_2d, {1, 5, 5, 4}, {4, 3, 3, 2}, {1, 5, 5, 4}, Conv2DAttributes{}},
      {OpType::fully_connected, {3, 5}, {4, 5}, {3, 4}, FullyConnectedAttributes{}},
      {OpType::transpose_conv,
       {1, 4, 4, 3},
       {4, 3, 3, 3},
       {1, 8, 8, 4},
       TransposeConv2DAttributes{.stride_h = 2, .stride_w = 2}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(name(c.type));
    GraphBuilder b;
    const TensorId x = b.input("x", DataType::float32, c.x);
    const TensorId w =
        b.constant<float>("w", c.w, random_values(static_cast<size_t>(c.w.elements()), 3));
    std::vector<TensorId> inputs{x, w, b.constant<float>("b", {4}, random_values(4, 4))};
    if (c.type == OpType::transpose_conv) {
      inputs = {b.constant<int32_t>("shape", {4}, c.y.dims()), w, x, TensorId::none};
    }
    TensorId y = b.op(c.type, inputs, c.attributes, "layer", DataType::float32, c.y);
    y = b.op(OpType::mul, {y, b.constant<float>("s", {4}, random_values(4, 5))}, FusedAttributes{},
             "mul", DataType::float32, c.y);
    y = b.op(OpType::add, {y, b.constant<float>("o", {4}, random_values(4, 6))},
             ArithmeticAttributes{}, "add", DataType::float32, c.y);
    b.output(y);
    const Graph before = std::move(b).build();
    Graph after = before;
    EXPECT_EQ(fold_affine_behind(after), 2);
    EXPECT_EQ(after.op_count(), 1u);
    expect_same_results(before, after);
  }
}

TEST(FoldAffineBehind, LeavesOtherReadersActivationsAndFullTensorsAlone) {
  for (const std::string_view what : {"reader", "activation", "tensor", "output"}) {
    SCOPED_TRACE(what);
    GraphBuilder b;
    const TensorId c = conv(b, b.input("x", DataType::float32, {1, 6, 6, 3}));
    const bool whole = what == "tensor";
    const TensorId constant = whole ? b.constant<float>("s", {1, 4, 4, 4}, random_values(64, 5))
                                    : b.constant<float>("s", {4}, random_values(4, 5));
    const TensorId y =
        b.op(OpType::mul, {c, constant}, FusedAttributes{}, "mul", DataType::float32, {1, 4, 4, 4});
    b.output(y);
    if (what == "output") b.output(c);
    if (what == "reader") {
      b.output(b.op(OpType::neg, {c}, NoAttributes{}, "neg", DataType::float32, {1, 4, 4, 4}));
    }
    Graph graph = std::move(b).build();
    if (what == "activation") {
      graph.set_op_kind(
          graph.ops()[0], OpType::conv_2d,
          Conv2DAttributes{.padding = Padding::valid, .activation = Activation::relu});
    }
    EXPECT_EQ(fold_affine_behind(graph), 0);
  }
}

TEST(FoldAffineBefore, MovesInputScalingIntoConvolution) {
  GraphBuilder b;
  TensorId x = b.input("x", DataType::float32, {1, 6, 6, 3});
  x = b.op(OpType::mul, {x, b.constant<float>("s", {}, {0.25})}, FusedAttributes{}, "mul",
           DataType::float32, {1, 6, 6, 3});
  x = b.op(OpType::add, {x, b.constant<float>("o", {}, {-1})}, ArithmeticAttributes{}, "add",
           DataType::float32, {1, 6, 6, 3});
  b.output(conv(b, x));
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(fold_affine_before(after), 2);
  EXPECT_EQ(after.op_count(), 1u);
  expect_same_results(before, after);
}

TEST(FoldAffineBefore, KeepsAnOffsetInFrontOfPadding) {
  GraphBuilder b;
  TensorId x = b.input("x", DataType::float32, {1, 4, 4, 1});
  x = b.op(OpType::add, {x, b.constant<float>("o", {}, {-1})}, ArithmeticAttributes{}, "add",
           DataType::float32, {1, 4, 4, 1});
  const TensorId w = b.constant<float>("w", {1, 3, 3, 1}, random_values(9, 1));
  b.output(b.op(OpType::conv_2d, {x, w, TensorId::none}, Conv2DAttributes{}, "conv",
                DataType::float32, {1, 4, 4, 1}));
  Graph graph = std::move(b).build();
  EXPECT_EQ(fold_affine_before(graph), 0);
}

TEST(FoldAffineBefore, MovesFeatureScalingIntoDense) {
  GraphBuilder b;
  TensorId x = b.input("x", DataType::float32, {2, 3});
  x = b.op(OpType::mul, {x, b.constant<float>("s", {3}, {1, 2, 3})}, FusedAttributes{}, "mul",
           DataType::float32, {2, 3});
  x = b.op(OpType::add, {x, b.constant<float>("o", {3}, {4, 5, 6})}, ArithmeticAttributes{}, "add",
           DataType::float32, {2, 3});
  const TensorId w = b.constant<float>("w", {4, 3}, random_values(12, 1));
  b.output(b.op(OpType::fully_connected, {x, w, TensorId::none}, FullyConnectedAttributes{},
                "dense", DataType::float32, {2, 4}));
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(fold_affine_before(after), 2);
  EXPECT_EQ(after.op_count(), 1u);
  expect_same_results(before, after);
}

TEST(LowerBatchNorm, BecomesScaleAndOffset) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 2});
  const TensorId gamma = b.constant<float>("gamma", {2}, {2, 3});
  const TensorId mean = b.constant<float>("mean", {2}, {0.5, -1});
  const TensorId variance = b.constant<float>("variance", {2}, {3, 8});
  b.output(b.op(OpType::batch_normalization, {x, gamma, TensorId::none, mean, variance},
                BatchNormalizationAttributes{.epsilon = 1}, "bn", DataType::float32, {1, 2}));
  Graph graph = std::move(b).build();
  EXPECT_EQ(lower_batch_norm(graph), 1);
  EXPECT_EQ(dump(graph),
            "graph main\n"
            "  input x: float32[1, 2]\n"
            "  bn/scaled: float32[1, 2] = MUL(x, bn/scale) activation=none\n"
            "  bn: float32[1, 2] = ADD(bn/scaled, bn/offset) activation=none "
            "pot_scale_int16=true\n"
            "  output bn\n");
  const auto values = [&](size_t op) {
    const auto all = graph.constant_input(graph.op(graph.ops()[op]), 1)->data.as<float>();
    return std::vector<float>(all.begin(), all.end());
  };
  EXPECT_EQ(values(0), (std::vector<float>{1, 1}));
  EXPECT_EQ(values(1), (std::vector<float>{-0.5, 1}));
}

TEST(LowerBatchNorm, FollowsTheAxis) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 2, 3});
  const TensorId ones = b.constant<float>("ones", {2}, {1, 1});
  b.output(b.op(OpType::batch_normalization, {x, ones, ones, ones, ones},
                BatchNormalizationAttributes{.axis = 1}, "bn", DataType::float32, {1, 2, 3}));
  Graph graph = std::move(b).build();
  lower_batch_norm(graph);
  EXPECT_EQ(graph.constant_input(graph.op(graph.ops()[0]), 1)->shape, Shape({2, 1}));
}

}  // namespace
}  // namespace smelt
