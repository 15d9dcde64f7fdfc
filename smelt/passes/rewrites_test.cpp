#include "smelt/ir/builder.h"
#include "smelt/ir/dump.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

constexpr DataType kFloat = DataType::float32;

TensorId relu(GraphBuilder& b, TensorId x, OpType type = OpType::relu, std::string name = "relu") {
  return b.op(type, {x}, NoAttributes{}, std::move(name), kFloat, b.graph().tensor(x).shape);
}

TEST(AddBiases, OfZerosWhereConvolutionsHaveNone) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 3, 3, 2});
  const TensorId w = b.constant<float>("w", {1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  TensorId y = b.op(OpType::depthwise_conv_2d, {x, w}, DepthwiseConv2DAttributes{}, "dw", kFloat,
                    {1, 3, 3, 2});
  const TensorId v = b.constant<float>("v", {1, 1, 1, 2}, {1, -1});
  y = b.op(OpType::conv_2d, {y, v, TensorId::none}, Conv2DAttributes{}, "conv", kFloat,
           {1, 3, 3, 1});
  b.output(y);
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(add_biases(after), 2);
  EXPECT_EQ(after.tensor(after.op(after.ops()[0]).input(2)).shape, Shape({2}));
  EXPECT_EQ(after.tensor(after.op(after.ops()[1]).input(2)).shape, Shape({1}));
  EXPECT_EQ(add_biases(after), 0);
  expect_same_results(before, after);
}

TEST(FuseActivations, IntoAdd) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId y = b.op(OpType::add, {x, x}, ArithmeticAttributes{}, "add", kFloat, {1, 4});
  b.output(relu(b, y, OpType::relu6));
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(fuse_activations(after), 1);
  EXPECT_EQ(dump(after),
            "graph main\n"
            "  input x: float32[1, 4]\n"
            "  relu: float32[1, 4] = ADD(x, x) activation=relu6 pot_scale_int16=true\n"
            "  output relu\n");
  expect_same_results(before, after);
}

TEST(FuseActivations, CombinesReluAndRelu6) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  TensorId y = b.op(OpType::mul, {x, x}, FusedAttributes{}, "mul", kFloat, {1, 4});
  y = relu(b, y, OpType::relu, "first");
  b.output(relu(b, y, OpType::relu6, "second"));
  Graph graph = std::move(b).build();
  EXPECT_EQ(fuse_activations(graph), 2);
  EXPECT_EQ(graph.op(graph.ops()[0]).as<FusedAttributes>().activation, Activation::relu6);
}

TEST(FuseActivations, NotWhereTheResultHasAnotherReaderNorIntoConcatenation) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId y = b.op(OpType::mul, {x, x}, FusedAttributes{}, "mul", kFloat, {1, 4});
  const TensorId r = relu(b, y);
  b.output(b.op(OpType::add, {y, r}, ArithmeticAttributes{}, "add", kFloat, {1, 4}));
  const TensorId c = b.op(OpType::concatenation, {x, x}, ConcatenationAttributes{.axis = 1}, "cat",
                          kFloat, {1, 8});
  b.output(relu(b, c, OpType::relu, "relu2"));
  Graph graph = std::move(b).build();
  EXPECT_EQ(fuse_activations(graph), 0);
}

/// PAD by `front`, `back` rows and columns, then a 3x3 convolution.
Graph padded(int size, int front, int back, int stride) {
  GraphBuilder b;
  TensorId x = b.input("x", kFloat, {1, size, size, 2});
  const TensorId paddings =
      b.constant<int32_t>("paddings", {4, 2}, {0, 0, front, back, front, back, 0, 0});
  const int wide = size + front + back;
  x = b.op(OpType::pad, {x, paddings}, NoAttributes{}, "pad", kFloat, {1, wide, wide, 2});
  const TensorId w = b.constant<float>("w", {2, 3, 3, 2}, random_values(36, 1));
  const int out = (wide - 3) / stride + 1;
  b.output(b.op(OpType::conv_2d, {x, w, TensorId::none},
                Conv2DAttributes{.padding = Padding::valid, .stride_h = stride, .stride_w = stride},
                "conv", kFloat, {1, out, out, 2}));
  return std::move(b).build();
}

TEST(MergePadding, WhereSamePaddingHasTheSameWindows) {
  for (const auto& [size, front, back, stride] :
       {std::tuple{8, 0, 1, 2}, {8, 1, 1, 1}, {9, 1, 1, 2}}) {
    SCOPED_TRACE(fmt::format("{} {} {} {}", size, front, back, stride));
    const Graph before = padded(size, front, back, stride);
    Graph after = before;
    EXPECT_EQ(merge_padding(after), 1);
    EXPECT_EQ(after.op(after.ops().back()).as<Conv2DAttributes>().padding, Padding::same);
    expect_same_results(before, after);
  }
}

TEST(MergePadding, NotWhereWindowsWouldMove) {
  for (const auto& [size, front, back, stride] : {std::tuple{8, 1, 1, 2}, {8, 2, 2, 1}}) {
    Graph graph = padded(size, front, back, stride);
    EXPECT_EQ(merge_padding(graph), 0);
  }
}

TensorId reshape(GraphBuilder& b, TensorId x, const std::vector<int32_t>& shape, std::string name) {
  const TensorId dims =
      b.constant<int32_t>(name + "/shape", {static_cast<int32_t>(shape.size())}, shape);
  return b.op(OpType::reshape, {x, dims}, ReshapeAttributes{}, std::move(name), kFloat,
              Shape(shape));
}

TEST(MergeReshapes, OneIsEnough) {
  GraphBuilder b;
  TensorId x = b.input("x", kFloat, {1, 8});
  x = reshape(b, x, {1, 2, 4}, "a");
  x = reshape(b, x, {1, 4, 2}, "b");
  b.output(x);
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(merge_reshapes(after), 1);
  EXPECT_GT(remove_dead(after), 0);
  EXPECT_EQ(after.op_count(), 1u);
  expect_same_results(before, after);
}

TEST(MergeReshapes, ReductionsKeepOrDropTheirAxes) {
  for (const bool keep : {false, true}) {
    GraphBuilder b;
    const TensorId x = b.input("x", kFloat, {1, 3, 4, 2});
    const TensorId axes = b.constant<int32_t>("axes", {2}, {1, 2});
    const Shape kept{1, 1, 1, 2}, dropped{1, 2};
    const TensorId y = b.op(OpType::mean, {x, axes}, ReduceAttributes{.keep_dims = keep}, "mean",
                            kFloat, keep ? kept : dropped);
    b.output(reshape(b, y, (keep ? dropped : kept).dims(), "y"));
    const Graph before = std::move(b).build();
    Graph after = before;
    EXPECT_EQ(merge_reshapes(after), 1);
    ASSERT_EQ(after.op_count(), 1u);
    EXPECT_EQ(after.op(after.ops()[0]).as<ReduceAttributes>().keep_dims, !keep);
    expect_same_results(before, after);
  }
}

TEST(MergeEqualOps, OfTheSameOperandsAndAttributes) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 3});
  const TensorId y = relu(b, x, OpType::relu, "a"), z = relu(b, x, OpType::relu, "b");
  const TensorId steep =
      b.op(OpType::leaky_relu, {y}, LeakyReluAttributes{.alpha = 0.2f}, "c", kFloat, {1, 3});
  const TensorId flat =
      b.op(OpType::leaky_relu, {z}, LeakyReluAttributes{.alpha = 0.1f}, "d", kFloat, {1, 3});
  b.output(b.op(OpType::add, {steep, flat}, ArithmeticAttributes{}, "sum", kFloat, {1, 3}));
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(merge_equal_ops(after), 1);
  EXPECT_EQ(after.op_count(), 4u);
  expect_same_results(before, after);
}

TEST(NormalizeArithmetic, JoinsNeighbours) {
  GraphBuilder b;
  TensorId y = b.input("x", kFloat, {1, 3});
  const auto step = [&](OpType type, Shape shape, const std::vector<float>& values) {
    const TensorId c =
        b.constant<float>(fmt::format("c{}", b.graph().op_count()), std::move(shape), values);
    y = b.op(type, {y, c}, default_attributes(type), fmt::format("y{}", b.graph().op_count()),
             kFloat, {1, 3});
  };
  step(OpType::mul, {}, {2});
  step(OpType::mul, {3}, {1, 2, 3});
  step(OpType::add, {3}, {1, 2, 3});
  step(OpType::sub, {1}, {0.5f});
  step(OpType::div, {}, {4});
  b.output(y);
  const Graph before = std::move(b).build();
  Graph after = before;
  normalize_arithmetic(after);
  EXPECT_EQ(after.op_count(), 3u);
  expect_same_results(before, after);
}

TEST(DropIdentity, DropoutSameShapesZerosAndOnes) {
  GraphBuilder b;
  const TensorId input = b.input("x", kFloat, {1, 4});
  TensorId x = b.op(OpType::neg, {input}, NoAttributes{}, "neg", kFloat, {1, 4});
  x = b.op(OpType::dropout, {x}, DropoutAttributes{}, "dropout", kFloat, {1, 4});
  x = reshape(b, x, {1, 4}, "reshape");
  x = b.op(OpType::add, {x, b.constant<float>("zeros", {4}, {0, 0, 0, 0})}, ArithmeticAttributes{},
           "add", kFloat, {1, 4});
  x = b.op(OpType::mul, {x, b.constant<float>("ones", {}, {1})}, FusedAttributes{}, "mul", kFloat,
           {1, 4});
  x = b.op(OpType::pad, {x, b.constant<int32_t>("pads", {2, 2}, {0, 0, 0, 0})}, NoAttributes{},
           "pad", kFloat, {1, 4});
  x = b.op(OpType::concatenation, {x}, ConcatenationAttributes{.axis = 1}, "cat", kFloat, {1, 4});
  x = b.op(OpType::transpose, {x, b.constant<int32_t>("perm", {2}, {0, 1})}, NoAttributes{},
           "transpose", kFloat, {1, 4});
  b.output(x);
  Graph graph = std::move(b).build();
  EXPECT_EQ(drop_identity(graph), 7);
  EXPECT_EQ(dump(graph),
            "graph main\n"
            "  input x: float32[1, 4]\n"
            "  transpose: float32[1, 4] = NEG(x)\n"
            "  output transpose\n");
}

TEST(DropIdentity, AnInputReturnedAsItIsStaysAnOp) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  b.output(reshape(b, x, {1, 4}, "y"));
  Graph graph = std::move(b).build();
  EXPECT_EQ(drop_identity(graph), 0);
  EXPECT_EQ(graph.op_count(), 1u);
}

TEST(DropIdentity, KeepsScalingAndBroadcasts) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  b.output(b.op(OpType::mul, {x, b.constant<float>("c", {}, {2})}, FusedAttributes{}, "mul", kFloat,
                {1, 4}));
  b.output(b.op(OpType::add, {x, b.constant<float>("z", {2, 1}, {0, 0})}, ArithmeticAttributes{},
                "add", kFloat, {2, 4}));
  Graph graph = std::move(b).build();
  EXPECT_EQ(drop_identity(graph), 0);
}

TEST(NormalizeArithmetic, OneSpellingForScaleAndShift) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId c = b.constant<float>("c", {}, {4});
  TensorId y = b.op(OpType::sub, {x, c}, ArithmeticAttributes{}, "sub", kFloat, {1, 4});
  y = b.op(OpType::div, {y, c}, FusedAttributes{.activation = Activation::relu}, "div", kFloat,
           {1, 4});
  y = b.op(OpType::mul, {c, y}, FusedAttributes{}, "mul", kFloat, {1, 4});
  y = b.op(OpType::sub, {c, y}, ArithmeticAttributes{}, "from", kFloat, {1, 4});
  b.output(y);
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(normalize_arithmetic(after), 3);
  EXPECT_EQ(dump(after),
            "graph main\n"
            "  input x: float32[1, 4]\n"
            "  sub: float32[1, 4] = ADD(x, c) activation=none pot_scale_int16=true\n"
            "  div: float32[1, 4] = MUL(sub, c) activation=relu\n"
            "  mul: float32[1, 4] = MUL(div, c) activation=none\n"
            "  from: float32[1, 4] = SUB(c, mul) activation=none pot_scale_int16=true\n"
            "  output from\n");
  expect_same_results(before, after);
}

TEST(FoldConstants, ComputesWhatIsKnown) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId c = b.constant<float>("c", {4}, {1, 2, 3, 4});
  const TensorId n = b.op(OpType::neg, {c}, NoAttributes{}, "neg", kFloat, {4});
  b.output(b.op(OpType::add, {x, n}, ArithmeticAttributes{}, "add", kFloat, {1, 4}));
  const Graph before = std::move(b).build();
  Graph after = before;
  EXPECT_EQ(fold_constants(after), 1);
  EXPECT_EQ(after.op_count(), 1u);
  EXPECT_TRUE(after.tensor(n).is_constant);
  expect_same_results(before, after);
}

TEST(FoldConstants, ShapeOfSomethingFixedOnly) {
  for (const bool fixed : {true, false}) {
    GraphBuilder b;
    const TensorId x = b.input("x", kFloat, {1, 4});
    if (!fixed) b.graph().tensor(x).shape_signature = Shape{-1, 4};
    const TensorId s = b.op(OpType::shape, {x}, ShapeOfAttributes{.out_type = DataType::int32},
                            "shape", DataType::int32, {2});
    b.output(b.op(OpType::reshape, {x, s}, ReshapeAttributes{}, "y", kFloat, {1, 4}));
    Graph graph = std::move(b).build();
    EXPECT_EQ(fold_constants(graph), fixed ? 1 : 0);
  }
}

TEST(FoldConstants, LargeFillsStayOps) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1024, 1024});
  const TensorId dims = b.constant<int32_t>("dims", {2}, {1024, 1024});
  const TensorId value = b.constant<float>("value", {}, {1});
  const TensorId f =
      b.op(OpType::fill, {dims, value}, NoAttributes{}, "fill", kFloat, {1024, 1024});
  b.output(b.op(OpType::add, {x, f}, ArithmeticAttributes{}, "add", kFloat, {1024, 1024}));
  Graph graph = std::move(b).build();
  EXPECT_EQ(fold_constants(graph), 0);
}

TEST(RemoveDead, WholeChains) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  TensorId dead = relu(b, x, OpType::relu, "a");
  dead = relu(b, dead, OpType::relu, "b");
  b.output(relu(b, x, OpType::relu6, "y"));
  Graph graph = std::move(b).build();
  EXPECT_EQ(remove_dead(graph), 4);  // two ops, two tensors
  EXPECT_EQ(graph.op_count(), 1u);
}

TEST(InferShapes, FillsWhatIsUnknown) {
  GraphBuilder b;
  TensorId x = b.input("x", kFloat, {1, 6, 6, 3});
  const TensorId w = b.constant<float>("w", {4, 3, 3, 3}, random_values(108, 1));
  x = b.op(OpType::conv_2d, {x, w, TensorId::none}, Conv2DAttributes{.stride_h = 2, .stride_w = 2},
           "conv", kFloat, {-1, -1, -1, -1});
  b.output(relu(b, x));
  Graph graph = std::move(b).build();
  EXPECT_EQ(infer_shapes(graph), 2);
  EXPECT_EQ(graph.tensor(graph.outputs()[0]).shape, Shape({1, 3, 3, 4}));
}

TEST(ShortenNames, LayersWeightsAndRepeats) {
  GraphBuilder b;
  const TensorId x = b.input("serving_default_input:0", kFloat, {1, 4});
  const TensorId w = b.constant<float>("model/dense/MatMul", {4, 4}, random_values(16, 1));
  const TensorId bias = b.constant<float>("model/dense/BiasAdd/ReadVariableOp", {4}, {1, 2, 3, 4});
  auto dense = [&](TensorId in, std::string name) {
    return b.op(OpType::fully_connected, {in, w, bias}, FullyConnectedAttributes{}, std::move(name),
                kFloat, {1, 4});
  };
  TensorId y = dense(x, "model/dense/Relu;model/dense/BiasAdd");
  y = dense(y, "model/dense/Relu;again");
  y = dense(y, "StatefulPartitionedCall:0");
  b.output(y);
  Graph graph = std::move(b).build();
  shorten_names(graph);
  EXPECT_EQ(dump(graph),
            "graph main\n"
            "  input serving_default_input:0: float32[1, 4]\n"
            "  model/dense/Relu: float32[1, 4] = FULLY_CONNECTED(serving_default_input:0, "
            "model/dense/Relu/w, model/dense/Relu/b) activation=none weights_format=plain "
            "keep_num_dims=false asymmetric_quantize_inputs=false quantized_bias_type=float32\n"
            "  model/dense/Relu:1: float32[1, 4] = FULLY_CONNECTED(model/dense/Relu, "
            "model/dense/Relu/w, model/dense/Relu/b) activation=none weights_format=plain "
            "keep_num_dims=false asymmetric_quantize_inputs=false quantized_bias_type=float32\n"
            "  StatefulPartitionedCall:0: float32[1, 4] = FULLY_CONNECTED(model/dense/Relu:1, "
            "model/dense/Relu/w, model/dense/Relu/b) activation=none weights_format=plain "
            "keep_num_dims=false asymmetric_quantize_inputs=false quantized_bias_type=float32\n"
            "  output StatefulPartitionedCall:0\n");
}

}  // namespace
}  // namespace smelt
