#include "smelt/ir/builder.h"
#include "smelt/ir/dump.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

std::vector<OpType> ops_of(const Graph& graph) {
  std::vector<OpType> types;
  for (const OpId id : graph.ops()) types.push_back(graph.op(id).type);
  return types;
}

/// Builds [N,C,H,W] graphs the way an importer writes "channels_first" layers.
class SinkLayout : public testing::Test {
 protected:
  TensorId op(OpType type, std::vector<TensorId> inputs, Shape shape, Attributes attributes) {
    return builder.op(type, std::move(inputs), std::move(attributes), fmt::format("t{}", count++),
                      DataType::float32, std::move(shape));
  }
  TensorId op(OpType type, std::vector<TensorId> inputs, Shape shape) {
    return op(type, std::move(inputs), std::move(shape), default_attributes(type));
  }
  TensorId transpose(TensorId x, const std::vector<int32_t>& order) {
    const Shape shape = builder.graph().tensor(x).shape;
    std::vector<int32_t> dims;
    for (const int32_t axis : order) dims.push_back(shape[axis]);
    return op(OpType::transpose, {x, ints(order)}, Shape(dims));
  }
  TensorId ints(const std::vector<int32_t>& values, Shape shape = {}) {
    if (shape.rank() == 0) shape = Shape({static_cast<int32_t>(values.size())});
    return builder.constant<int32_t>(fmt::format("i{}", count++), std::move(shape), values);
  }
  TensorId floats(Shape shape) {
    const auto size = static_cast<size_t>(shape.elements());
    return builder.constant<float>(fmt::format("c{}", count++), std::move(shape),
                                   random_values(size, 5));
  }
  TensorId first(TensorId x) { return transpose(x, {0, 3, 1, 2}); }
  TensorId last(TensorId x) { return transpose(x, {0, 2, 3, 1}); }

  /// Runs the pass and drop_identity; the result must compute the same.
  Graph swept(TensorId output) {
    builder.output(output);
    Graph graph = std::move(builder).build();
    const Graph before = graph;
    EXPECT_GT(sink_layout(graph), 0);
    drop_identity(graph);
    remove_dead(graph);
    expect_same_results(before, graph);
    return graph;
  }

  GraphBuilder builder;
  int count = 0;
};

TEST_F(SinkLayout, TransposesMeetAndCancel) {
  const TensorId x = builder.input("x", DataType::float32, {1, 4, 5, 3});
  TensorId y = op(OpType::mul, {first(x), floats({3, 1, 1})}, {1, 3, 4, 5});
  y = op(OpType::add, {y, floats({1, 3, 4, 5})}, {1, 3, 4, 5});
  y = op(OpType::relu, {y}, {1, 3, 4, 5});
  EXPECT_EQ(ops_of(swept(last(y))), (std::vector<OpType>{OpType::mul, OpType::add, OpType::relu}));
}

TEST_F(SinkLayout, BranchesPaddingConcatenationAndMean) {
  const TensorId x = builder.input("x", DataType::float32, {1, 4, 5, 3});
  const TensorId z = builder.input("z", DataType::float32, {1, 4, 5, 2});
  const TensorId sides = ints({0, 0, 0, 0, 1, 0, 0, 2}, {4, 2});
  TensorId y = op(OpType::concatenation, {first(x), first(z)}, {1, 5, 4, 5},
                  ConcatenationAttributes{.axis = 1});
  y = op(OpType::pad, {y, sides}, {1, 5, 5, 7});
  y = op(OpType::mean, {y, ints({2, 3})}, {1, 5});
  const Graph graph = swept(y);
  EXPECT_EQ(ops_of(graph), (std::vector<OpType>{OpType::concatenation, OpType::pad, OpType::mean}));
  EXPECT_EQ(graph.op(graph.ops()[0]).as<ConcatenationAttributes>().axis, 3);
}

TEST_F(SinkLayout, ScalesComeNextToTheConvolutionOfOneAxis) {
  const TensorId x = builder.input("x", DataType::float32, {1, 1, 6, 2});
  TensorId y = op(OpType::conv_2d, {x, floats({4, 1, 3, 2}), floats({4})}, {1, 1, 4, 4},
                  Conv2DAttributes{.padding = Padding::valid});
  y = op(OpType::reshape, {y, ints({-1, 4, 4})}, {1, 4, 4},
         ReshapeAttributes{.new_shape = std::vector<int32_t>{-1, 4, 4}});
  y = op(OpType::mul, {y, floats({4})}, {1, 4, 4});
  y = op(OpType::relu, {y}, {1, 4, 4});
  Graph graph = swept(y);
  EXPECT_EQ(ops_of(graph),
            (std::vector<OpType>{OpType::conv_2d, OpType::mul, OpType::relu, OpType::reshape}));
  EXPECT_EQ(fold_affine_behind(graph), 1);
  EXPECT_EQ(fuse_activations(graph), 1);
}

TEST_F(SinkLayout, WhatOthersReadStays) {
  const TensorId x = builder.input("x", DataType::float32, {1, 4, 5, 3});
  const TensorId turned = first(x);
  const TensorId y = op(OpType::relu, {turned}, {1, 3, 4, 5});
  const TensorId z = op(OpType::softmax, {turned}, {1, 3, 4, 5});
  builder.output(op(OpType::add, {y, z}, {1, 3, 4, 5}));
  Graph graph = std::move(builder).build();
  EXPECT_EQ(sink_layout(graph), 0);
}

}  // namespace
}  // namespace smelt
