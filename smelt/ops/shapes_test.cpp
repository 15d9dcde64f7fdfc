#include <gtest/gtest.h>

#include "smelt/ir/builder.h"
#include "smelt/ops/infer.h"
#include "smelt/ops/macs.h"
#include "smelt/ops/slice_spec.h"

namespace smelt {
namespace {

/// An operand of a single-op graph: its shape, and its values where it is an integer constant.
struct In {
  Shape shape;
  std::optional<std::vector<int32_t>> values = {};
};

In data(Shape shape) { return {.shape = std::move(shape)}; }
In vector(std::vector<int32_t> values) {
  const Shape shape{static_cast<int32_t>(values.size())};
  return {.shape = shape, .values = std::move(values)};
}
In scalar(int32_t value) { return {.shape = {}, .values = std::vector<int32_t>{value}}; }
In absent() { return {.shape = {-7}}; }

std::vector<Shape> infer(OpType type, const std::vector<In>& ins, Attributes attributes,
                         int results = 1, Shape recorded = {}) {
  Graph graph;
  Op op{.type = type, .attributes = std::move(attributes)};
  for (const In& in : ins) {
    if (in.shape == Shape{-7}) {
      op.inputs.push_back(TensorId::none);
    } else if (in.values) {
      op.inputs.push_back(graph.add_tensor(Tensor::constant("", in.shape, *in.values)));
    } else {
      op.inputs.push_back(graph.add_tensor({.shape = in.shape}));
    }
  }
  for (int i = 0; i < results; ++i) {
    op.outputs.push_back(graph.add_tensor({.shape = recorded}));
  }
  const OpId id = graph.add_op(op);
  infer_shapes(graph, id);
  std::vector<Shape> shapes;
  for (const TensorId output : graph.op(id).outputs) shapes.push_back(graph.tensor(output).shape);
  return shapes;
}

Shape infer_one(OpType type, const std::vector<In>& ins, Attributes attributes = NoAttributes{}) {
  return infer(type, ins, std::move(attributes))[0];
}

template <class Body>
ErrorKind kind_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::internal;
}

#define EXPECT_BAD_FILE(expression) \
  EXPECT_EQ(kind_of([&] { (void)(expression); }), ErrorKind::bad_file)

TEST(Window, CountsPositions) {
  EXPECT_EQ(window_output_size(Padding::same, 5, 3, 2, 1), 3);
  EXPECT_EQ(window_output_size(Padding::valid, 5, 3, 2, 1), 2);
  EXPECT_EQ(window_output_size(Padding::valid, 5, 3, 1, 2), 1);
  EXPECT_EQ(window_padding(5, 3, 2, 1, 3), 1);
  EXPECT_EQ(window_padding(4, 3, 2, 1, 2), 0);  // the odd cell lies behind
  EXPECT_EQ(window_padding(5, 3, 1, 1, 3), 0);
}

TEST(Window, RefusesWhatDoesNotFit) {
  EXPECT_BAD_FILE(window_output_size(Padding::valid, 2, 3, 1, 1));
  EXPECT_BAD_FILE(window_output_size(Padding::same, 5, 3, 0, 1));
  EXPECT_BAD_FILE(window_output_size(Padding::same, 5, 3, 1, 0));
  EXPECT_BAD_FILE(window_output_size(Padding::same, 5, 0, 1, 1));
  EXPECT_BAD_FILE(window_output_size(Padding::same, 0, 3, 1, 1));
  EXPECT_BAD_FILE(window_output_size(Padding::valid, 5, INT32_MAX, 1, INT32_MAX));
}

TEST(Shapes, Convolution) {
  const Conv2DAttributes a{.stride_h = 2, .stride_w = 2};
  EXPECT_EQ(infer_one(OpType::conv_2d, {data({1, 32, 31, 3}), data({8, 3, 3, 3})}, a),
            (Shape{1, 16, 16, 8}));
  EXPECT_EQ(
      infer_one(OpType::conv_2d, {data({1, 8, 8, 6}), data({4, 3, 3, 3})}, Conv2DAttributes{}),
      (Shape{1, 8, 8, 4}));  // two groups
  EXPECT_BAD_FILE(infer_one(OpType::conv_2d, {data({1, 8, 8, 4}), data({4, 3, 3, 3})}, a));
  EXPECT_BAD_FILE(infer_one(OpType::conv_2d, {data({1, 8, 8, 6}), data({3, 3, 3, 3})}, a));
  EXPECT_BAD_FILE(infer_one(OpType::conv_2d, {data({1, 8, 8, 4}), data({4, 3, 3, 0})}, a));
  EXPECT_BAD_FILE(infer_one(OpType::conv_2d, {data({8, 8, 4}), data({4, 3, 3, 4})}, a));
  EXPECT_BAD_FILE(infer_one(OpType::conv_2d, {data({1, 8, 8, 4})}, a));  // arity
}

TEST(Shapes, DepthwiseConvolution) {
  const DepthwiseConv2DAttributes a{.padding = Padding::valid, .depth_multiplier = 2};
  EXPECT_EQ(infer_one(OpType::depthwise_conv_2d, {data({2, 8, 8, 3}), data({1, 3, 3, 6})}, a),
            (Shape{2, 6, 6, 6}));
  EXPECT_BAD_FILE(
      infer_one(OpType::depthwise_conv_2d, {data({1, 8, 8, 4}), data({1, 3, 3, 6})}, a));
  EXPECT_BAD_FILE(
      infer_one(OpType::depthwise_conv_2d, {data({1, 8, 8, 0}), data({1, 3, 3, 6})}, a));
}

TEST(Shapes, TransposedConvolution) {
  const std::vector<In> good = {vector({1, 8, 8, 4}), data({4, 3, 3, 2}), data({1, 4, 4, 2})};
  EXPECT_EQ(infer_one(OpType::transpose_conv, good, TransposeConv2DAttributes{}),
            (Shape{1, 8, 8, 4}));
  EXPECT_BAD_FILE(infer_one(OpType::transpose_conv,
                            {vector({1, -8, 8, 4}), data({4, 3, 3, 2}), data({1, 4, 4, 2})},
                            TransposeConv2DAttributes{}));
  EXPECT_BAD_FILE(infer_one(OpType::transpose_conv,
                            {vector({1, 8, 8, 5}), data({4, 3, 3, 2}), data({1, 4, 4, 2})},
                            TransposeConv2DAttributes{}));
}

TEST(Shapes, Dense) {
  FullyConnectedAttributes a;
  EXPECT_EQ(infer_one(OpType::fully_connected, {data({2, 3, 4}), data({5, 4}), absent()}, a),
            (Shape{6, 5}));
  a.keep_num_dims = true;
  EXPECT_EQ(infer_one(OpType::fully_connected, {data({2, 3, 4}), data({5, 4})}, a),
            (Shape{2, 3, 5}));
  EXPECT_BAD_FILE(infer_one(OpType::fully_connected, {data({2, 3, 4}), data({5, 6})}, a));
  EXPECT_BAD_FILE(infer_one(OpType::fully_connected, {data({0, 4}), data({5, 0})}, a));
}

TEST(Shapes, BatchMatMul) {
  EXPECT_EQ(infer_one(OpType::batch_matmul, {data({2, 1, 3, 4}), data({5, 4, 6})},
                      BatchMatMulAttributes{}),
            (Shape{2, 5, 3, 6}));
  EXPECT_EQ(infer_one(OpType::batch_matmul, {data({4, 3}), data({6, 4})},
                      BatchMatMulAttributes{.adj_x = true, .adj_y = true}),
            (Shape{3, 6}));
  EXPECT_BAD_FILE(
      infer_one(OpType::batch_matmul, {data({3, 4}), data({5, 6})}, BatchMatMulAttributes{}));
  EXPECT_BAD_FILE(
      infer_one(OpType::batch_matmul, {data({4}), data({4, 6})}, BatchMatMulAttributes{}));
}

TEST(Shapes, Reduction) {
  const In x = data({2, 3, 4});
  EXPECT_EQ(infer_one(OpType::mean, {x, vector({1, -1})}, ReduceAttributes{}), (Shape{2}));
  EXPECT_EQ(infer_one(OpType::mean, {x, vector({1, 1})}, ReduceAttributes{.keep_dims = true}),
            (Shape{2, 1, 4}));
  EXPECT_EQ(infer_one(OpType::sum, {x, scalar(0)}, ReduceAttributes{}), (Shape{3, 4}));
  EXPECT_EQ(infer_one(OpType::sum, {data({}), scalar(0)}, ReduceAttributes{}), (Shape{}));
  EXPECT_BAD_FILE(infer_one(OpType::mean, {x, vector({3})}, ReduceAttributes{}));
  EXPECT_EQ(kind_of([&] {
              infer_one(OpType::mean, {x, data({1})}, ReduceAttributes{});
            }),
            ErrorKind::unsupported);
  EXPECT_EQ(infer_one(OpType::arg_max, {x, scalar(-1)}, ArgMinMaxAttributes{}), (Shape{2, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::arg_max, {x, vector({0, 1})}, ArgMinMaxAttributes{}));
}

TEST(Shapes, ConcatenationAndSplit) {
  EXPECT_EQ(infer_one(OpType::concatenation, {data({1, 2, 3}), data({1, 5, 3})},
                      ConcatenationAttributes{.axis = -2}),
            (Shape{1, 7, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::concatenation, {data({1, 2, 3}), data({1, 5, 4})},
                            ConcatenationAttributes{.axis = 1}));
  EXPECT_BAD_FILE(infer_one(OpType::concatenation, {data({INT32_MAX}), data({1})},
                            ConcatenationAttributes{.axis = 0}));
  EXPECT_EQ(infer(OpType::split, {scalar(1), data({2, 6})}, SplitAttributes{.count = 3}, 3)[2],
            (Shape{2, 2}));
  EXPECT_BAD_FILE(infer(OpType::split, {scalar(1), data({2, 6})}, SplitAttributes{.count = 4}, 4));
  EXPECT_BAD_FILE(infer(OpType::split, {scalar(1), data({2, 6})}, SplitAttributes{.count = 3}, 2));
  const auto parts = infer(OpType::split_v, {data({7, 2}), vector({2, -1, 1}), scalar(0)},
                           SplitAttributes{.count = 3}, 3);
  EXPECT_EQ(parts[1], (Shape{4, 2}));
  EXPECT_BAD_FILE(infer(OpType::split_v, {data({7}), vector({9, -1}), scalar(0)},
                        SplitAttributes{.count = 2}, 2));
  EXPECT_BAD_FILE(infer(OpType::split_v, {data({7}), vector({-1, -1}), scalar(0)},
                        SplitAttributes{.count = 2}, 2));
  EXPECT_EQ(infer_one(OpType::pack, {data({2, 3}), data({2, 3})}, PackAttributes{2, -1}),
            (Shape{2, 3, 2}));
  EXPECT_BAD_FILE(infer_one(OpType::pack, {data({2}), data({3})}, PackAttributes{2, 0}));
  EXPECT_EQ(infer(OpType::unpack, {data({2, 3})}, UnpackAttributes{2, 0}, 2)[1], (Shape{3}));
  EXPECT_BAD_FILE(infer(OpType::unpack, {data({2, 3})}, UnpackAttributes{3, 0}, 3));
}

TEST(Shapes, WhatDependsOnValues) {
  const auto unknown = [](auto&& f) { EXPECT_EQ(kind_of(f), ErrorKind::unsupported); };
  EXPECT_EQ(infer_one(OpType::where, {vector({0, 3, 0, -1})}, NoAttributes{}), (Shape{2, 1}));
  unknown([] { infer_one(OpType::where, {data({4})}, NoAttributes{}); });
  const auto unique = infer(OpType::unique, {vector({5, 2, 5})}, UniqueAttributes{}, 2);
  EXPECT_EQ(unique, (std::vector<Shape>{{2}, {3}}));
  EXPECT_EQ(infer_one(OpType::segment_sum, {data({3, 2}), vector({0, 0, 4})}, NoAttributes{}),
            (Shape{5, 2}));
  EXPECT_BAD_FILE(
      infer_one(OpType::segment_sum, {data({3, 2}), vector({1, 0, 4})}, NoAttributes{}));
  const In x = data({3, 2});
  EXPECT_EQ(infer_one(OpType::unsorted_segment_max, {x, data({3}), scalar(4)}, NoAttributes{}),
            (Shape{4, 2}));
  EXPECT_BAD_FILE(
      infer_one(OpType::unsorted_segment_max, {x, data({3}), scalar(-1)}, NoAttributes{}));
  const std::vector<In> boxes = {data({9, 4}), data({9}), scalar(5), data({}), data({})};
  EXPECT_EQ(infer(OpType::non_max_suppression_v4, boxes, NoAttributes{}, 2),
            (std::vector<Shape>{{5}, {}}));
  EXPECT_EQ(infer_one(OpType::dilate, {x, vector({3, 1}), data({})}, NoAttributes{}),
            (Shape{7, 2}));
  EXPECT_BAD_FILE(infer_one(OpType::dilate, {x, vector({0, 1}), data({})}, NoAttributes{}));
  EXPECT_EQ(infer_one(OpType::rfft2d, {data({2, 3, 5}), vector({4, 8})}, NoAttributes{}),
            (Shape{2, 4, 5}));
  EXPECT_BAD_FILE(infer_one(OpType::rfft2d, {data({5}), vector({4, 8})}, NoAttributes{}));
}

TEST(Shapes, Reshape) {
  const In x = data({2, 3, 4});
  EXPECT_EQ(infer_one(OpType::reshape, {x, vector({-1, 8})}, ReshapeAttributes{}), (Shape{3, 8}));
  EXPECT_EQ(infer_one(OpType::reshape, {x}, ReshapeAttributes{{{24}}}), (Shape{24}));
  EXPECT_EQ(infer_one(OpType::reshape, {data({1})}, ReshapeAttributes{{{0}}}), (Shape{}));
  EXPECT_THROW(infer(OpType::reshape, {x, data({2})}, ReshapeAttributes{}, 1, {4, 6}),
               DependsOnData);
  EXPECT_BAD_FILE(infer_one(OpType::reshape, {x, vector({-1, 7})}, ReshapeAttributes{}));
  EXPECT_BAD_FILE(infer_one(OpType::reshape, {x, vector({-1, -1})}, ReshapeAttributes{}));
  EXPECT_BAD_FILE(infer_one(OpType::reshape, {x, vector({-2, -12})}, ReshapeAttributes{}));
  EXPECT_BAD_FILE(infer_one(OpType::reshape, {x, vector({INT32_MAX, INT32_MAX, INT32_MAX, 2})},
                            ReshapeAttributes{}));
}

TEST(Shapes, SqueezeAndExpand) {
  EXPECT_EQ(infer_one(OpType::squeeze, {data({1, 3, 1})}, SqueezeAttributes{}), (Shape{3}));
  EXPECT_EQ(infer_one(OpType::squeeze, {data({1, 3, 1})}, SqueezeAttributes{{-1}}), (Shape{1, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::squeeze, {data({1, 3, 1})}, SqueezeAttributes{{1}}));
  EXPECT_EQ(infer_one(OpType::expand_dims, {data({2, 3}), scalar(-1)}), (Shape{2, 3, 1}));
  EXPECT_BAD_FILE(infer_one(OpType::expand_dims, {data({2, 3}), scalar(3)}));
}

TEST(Shapes, TransposePadTile) {
  EXPECT_EQ(infer_one(OpType::transpose, {data({2, 3, 4}), vector({2, 0, 1})}), (Shape{4, 2, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::transpose, {data({2, 3}), vector({0, 0})}));
  EXPECT_BAD_FILE(infer_one(OpType::transpose, {data({2, 3}), vector({0})}));
  EXPECT_BAD_FILE(infer_one(OpType::transpose, {data({2, 3}), vector({0, 2})}));
  EXPECT_EQ(infer_one(OpType::pad, {data({2, 3}), vector({0, 0, 1, 2})}), (Shape{2, 6}));
  EXPECT_BAD_FILE(infer_one(OpType::pad, {data({2, 3}), vector({0, 0, -1, 2})}));
  EXPECT_BAD_FILE(infer_one(OpType::pad, {data({2, 3}), vector({0, 0})}));
  EXPECT_BAD_FILE(infer_one(OpType::pad, {data({2}), vector({INT32_MAX, INT32_MAX})}));
  EXPECT_EQ(infer_one(OpType::mirror_pad, {data({3}), vector({2, 2})}, MirrorPadAttributes{}),
            (Shape{7}));
  EXPECT_BAD_FILE(
      infer_one(OpType::mirror_pad, {data({3}), vector({3, 0})}, MirrorPadAttributes{}));
  EXPECT_EQ(infer_one(OpType::tile, {data({2, 3}), vector({2, 1})}), (Shape{4, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::tile, {data({2, 3}), vector({2, -1})}));
  EXPECT_BAD_FILE(infer_one(OpType::tile, {data({65536}), vector({65536})}));
}

TEST(Shapes, GatherFamily) {
  EXPECT_EQ(infer_one(OpType::gather, {data({5, 6, 7}), data({2, 3})}, GatherAttributes{.axis = 1}),
            (Shape{5, 2, 3, 7}));
  EXPECT_EQ(infer_one(OpType::gather, {data({5, 6, 7}), data({5, 2})},
                      GatherAttributes{.axis = 1, .batch_dims = 1}),
            (Shape{5, 2, 7}));
  EXPECT_BAD_FILE(infer_one(OpType::gather, {data({5, 6}), data({2})},
                            GatherAttributes{.axis = 0, .batch_dims = 1}));
  EXPECT_BAD_FILE(infer_one(OpType::gather, {data({5}), data({2})},
                            GatherAttributes{.axis = 0, .batch_dims = -5}));
  EXPECT_EQ(infer_one(OpType::gather_nd, {data({5, 6, 7}), data({3, 2})}), (Shape{3, 7}));
  EXPECT_BAD_FILE(infer_one(OpType::gather_nd, {data({5}), data({3, 2})}));
  EXPECT_EQ(infer_one(OpType::one_hot, {data({2, 3}), scalar(4), data({}), data({})},
                      OneHotAttributes{.axis = -1}),
            (Shape{2, 3, 4}));
  EXPECT_BAD_FILE(infer_one(OpType::one_hot, {data({2}), scalar(-4), data({}), data({})},
                            OneHotAttributes{.axis = -1}));
}

TEST(Shapes, SpaceAndBatch) {
  EXPECT_EQ(infer_one(OpType::space_to_depth, {data({1, 4, 6, 3})}, BlockSizeAttributes{2}),
            (Shape{1, 2, 3, 12}));
  EXPECT_EQ(infer_one(OpType::depth_to_space, {data({1, 2, 3, 12})}, BlockSizeAttributes{2}),
            (Shape{1, 4, 6, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::depth_to_space, {data({1, 2, 3, 12})}, BlockSizeAttributes{0}));
  EXPECT_BAD_FILE(
      infer_one(OpType::space_to_depth, {data({1, 5, 6, 3})}, BlockSizeAttributes{INT32_MAX}));
  EXPECT_EQ(infer_one(OpType::space_to_batch_nd,
                      {data({1, 5, 4, 3}), vector({2, 2}), vector({0, 1, 0, 0})}),
            (Shape{4, 3, 2, 3}));
  EXPECT_EQ(infer_one(OpType::batch_to_space_nd,
                      {data({4, 3, 2, 3}), vector({2, 2}), vector({0, 1, 0, 0})}),
            (Shape{1, 5, 4, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::batch_to_space_nd,
                            {data({4, 3, 2, 3}), vector({2, 2}), vector({0, 9, 0, 0})}));
  EXPECT_BAD_FILE(infer_one(OpType::batch_to_space_nd,
                            {data({4, 3, 2, 3}), vector({0, 2}), vector({0, 0, 0, 0})}));
  EXPECT_EQ(
      infer_one(OpType::resize_bilinear, {data({1, 2, 3, 4}), vector({5, 6})}, ResizeAttributes{}),
      (Shape{1, 5, 6, 4}));
  EXPECT_BAD_FILE(
      infer_one(OpType::resize_bilinear, {data({1, 2, 3, 4}), vector({0, 6})}, ResizeAttributes{}));
}

TEST(Shapes, ComputedOnes) {
  EXPECT_EQ(infer_one(OpType::fill, {vector({2, 3}), data({})}), (Shape{2, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::fill, {vector({2, -3}), data({})}));
  EXPECT_EQ(infer_one(OpType::range, {scalar(3), scalar(10), scalar(3)}), (Shape{3}));
  EXPECT_EQ(infer_one(OpType::range, {scalar(10), scalar(3), scalar(-3)}), (Shape{3}));
  EXPECT_EQ(infer_one(OpType::range, {scalar(3), scalar(3), scalar(1)}), (Shape{0}));
  EXPECT_BAD_FILE(infer_one(OpType::range, {scalar(3), scalar(10), scalar(0)}));
  EXPECT_BAD_FILE(infer_one(OpType::range, {scalar(3), scalar(10), scalar(-1)}));
  EXPECT_EQ(infer_one(OpType::shape, {data({2, 3})}, ShapeOfAttributes{}), (Shape{2}));
  EXPECT_EQ(infer_one(OpType::broadcast_to, {data({3, 1}), vector({2, 3, 4})}), (Shape{2, 3, 4}));
  EXPECT_BAD_FILE(infer_one(OpType::broadcast_to, {data({3, 2}), vector({3, 4})}));
}

TEST(Shapes, Recurrent) {
  EXPECT_EQ(
      infer_one(OpType::svdf, {data({1, 8}), data({6, 8}), data({6, 5}), absent(), data({1, 30})},
                SvdfAttributes{.rank = 2}),
      (Shape{1, 3}));
  EXPECT_BAD_FILE(infer_one(OpType::svdf,
                            {data({1, 8}), data({6, 8}), data({6, 5}), absent(), data({1, 30})},
                            SvdfAttributes{.rank = 0}));
}

/// Operands of which only some have a shape; the others are absent.
std::vector<In> sparse_operands(size_t count, std::vector<std::pair<size_t, Shape>> given) {
  std::vector<In> operands(count, absent());
  for (auto& [i, shape] : given) operands[i] = data(shape);
  return operands;
}

TEST(Shapes, RecurrentInBothDirections) {
  const auto two_cells =
      sparse_operands(39, {{0, {2, 7, 3}}, {8, {4, 5}}, {25, {4, 6}}, {38, {2, 4}}});
  const auto lstm = OpType::bidirectional_sequence_lstm;
  BidirectionalLstmAttributes a;
  EXPECT_EQ(infer(lstm, two_cells, a, 2), (std::vector<Shape>{{2, 7, 5}, {2, 7, 6}}));
  a.merge_outputs = true;
  EXPECT_EQ(infer(lstm, two_cells, a, 1), (std::vector<Shape>{{2, 7, 11}}));
  EXPECT_BAD_FILE(infer(lstm, two_cells, a, 2));
  EXPECT_BAD_FILE(infer(lstm, sparse_operands(39, {{0, {2, 7, 3}}, {38, {2, 4}}}), a, 1));
  const auto rnns = sparse_operands(9, {{0, {2, 7, 3}}, {1, {4, 3}}, {5, {6, 3}}, {8, {2, 6}}});
  EXPECT_EQ(infer(OpType::bidirectional_sequence_rnn, rnns, BidirectionalRnnAttributes{}, 2),
            (std::vector<Shape>{{2, 7, 4}, {2, 7, 6}}));
}

TEST(Shapes, LstmStep) {
  const auto full = sparse_operands(20, {{0, {2, 3}}, {8, {4, 5}}, {19, {2, 4}}});
  EXPECT_EQ(infer(OpType::lstm, full, LstmAttributes{}, 1), (std::vector<Shape>{{2, 5}}));
  const auto basic = sparse_operands(5, {{0, {2, 3}}, {1, {2, 4}}, {4, {2, 4}}});
  EXPECT_EQ(infer(OpType::lstm, basic, LstmAttributes{.basic = true}, 4),
            (std::vector<Shape>{{2, 4}, {2, 4}, {2, 7}, {2, 16}}));
  EXPECT_BAD_FILE(infer(OpType::lstm, basic, LstmAttributes{.basic = true}, 1));
}

TEST(Slice, TakesWhatTensorFlowTakes) {
  const Shape x{4, 6};
  const auto spec = [&](std::vector<int64_t> begin, std::vector<int64_t> end,
                        std::vector<int64_t> strides, StridedSliceAttributes a = {}) {
    return strided_slice_spec(a, x, begin, end, strides);
  };
  EXPECT_EQ(spec({1, 0}, {3, 6}, {1, 2}).output, (Shape{2, 3}));
  EXPECT_EQ(spec({-1, -1}, {-5, 0}, {-1, -2}).output, (Shape{4, 3}));
  EXPECT_EQ(spec({0, -1}, {99, -99}, {1, -1}).axes[1], (AxisSlice{5, -1, 6}));
  EXPECT_EQ(spec({3, 0}, {1, 6}, {1, 1}).output, (Shape{0, 6}));
  EXPECT_EQ(spec({9, 1}, {9, 1}, {1, 1}, {.begin_mask = 1, .end_mask = 3}).output, (Shape{4, 5}));
  EXPECT_EQ(spec({-1, 0}, {0, 6}, {1, 1}, {.shrink_axis_mask = 1}).output, (Shape{6}));
  EXPECT_EQ(spec({-1}, {0}, {1}, {.shrink_axis_mask = 1}).axes[0], (AxisSlice{3, 1, 1}));
  EXPECT_EQ(spec({0, 0}, {0, 2}, {1, 1}, {.ellipsis_mask = 1}).output, (Shape{4, 2}));
  EXPECT_EQ(spec({0, 0}, {0, 2}, {1, 1}, {.new_axis_mask = 1}).output, (Shape{1, 2, 6}));
  EXPECT_EQ(spec({1}, {2}, {1}, {.offset = true}).axes[0], (AxisSlice{1, 1, 2}));
  EXPECT_BAD_FILE(spec({0}, {2}, {0}));
  EXPECT_BAD_FILE(spec({4}, {2}, {1}, {.shrink_axis_mask = 1}));
  EXPECT_BAD_FILE(spec({0, 0, 0}, {1, 1, 1}, {1, 1, 1}));
  EXPECT_BAD_FILE(spec({0}, {1, 1}, {1}));
  EXPECT_BAD_FILE(spec({INT64_MIN}, {INT64_MAX}, {1}));
  EXPECT_EQ(slice_spec(x, {1, 2}, {-1, 3}).output, (Shape{3, 3}));
  EXPECT_BAD_FILE(slice_spec(x, {1, 2}, {4, 3}));
  EXPECT_BAD_FILE(slice_spec(x, {-1, 2}, {1, 3}));
}

TEST(OpDef, RulesOfThe8BitSpecification) {
  EXPECT_EQ(op_def(OpType::softmax).quantization.fixed_scale, 1.0f / 256);
  EXPECT_EQ(op_def(OpType::softmax).quantization.fixed_zero, -128);
  EXPECT_EQ(op_def(OpType::tanh).quantization.fixed_scale, 1.0f / 128);
  EXPECT_EQ(op_def(OpType::log_softmax).quantization.fixed_scale, 16.0f / 256);
  EXPECT_EQ(op_def(OpType::depthwise_conv_2d).quantization.weight_axis, 3);
  EXPECT_EQ(op_def(OpType::transpose_conv).quantization.bias, 3);
  EXPECT_EQ(op_def(OpType::max_pool_2d).quantization.output, OutputScale::same_as_input);
}

TEST(OpDef, EveryFloatOpHasAReason) {
  for (int i = 0; i < kOpTypeCount; ++i) {
    const QuantizationRule& rule = op_def(static_cast<OpType>(i)).quantization;
    EXPECT_NE(rule.supported, !rule.reason.empty()) << name(static_cast<OpType>(i));
  }
}

TEST(OpDef, OptionsOfAnUnknownKindAreRefused) {
  EXPECT_EQ(kind_of([] {
              infer_one(OpType::softmax, {data({1, 4})}, OpaqueAttributes{});
            }),
            ErrorKind::unsupported);
}

TEST(Macs, CountsMultiplications) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 4, 4, 2});
  const TensorId w = b.constant<float>("w", {3, 2, 2, 2}, std::vector<float>(24));
  const TensorId y =
      b.op(OpType::conv_2d, {x, w}, Conv2DAttributes{}, "conv", DataType::float32, {1, 4, 4, 3});
  b.output(y);
  EXPECT_EQ(macs(std::move(b).build()), 4 * 4 * 3 * 2 * 2 * 2);
}

}  // namespace
}  // namespace smelt
