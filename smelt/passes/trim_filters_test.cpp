#include "smelt/ir/builder.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

constexpr DataType kFloat = DataType::float32;

struct Case {
  Shape x;
  int32_t filter, stride, dilation;
  int expected_h, expected_w;  ///< of the trimmed filter
};

template <class A>
void check(OpType type, const Case& c) {
  SCOPED_TRACE(to_string(c.x) + " filter " + std::to_string(c.filter));
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, c.x);
  const bool depthwise = type == OpType::depthwise_conv_2d;
  const Shape w = depthwise ? Shape{1, c.filter, c.filter, 4} : Shape{3, c.filter, c.filter, 4};
  const TensorId weights = b.constant<float>("w", w, random_values(w.elements(), 3));
  A attributes;
  attributes.padding = Padding::same;
  attributes.stride_h = attributes.stride_w = c.stride;
  attributes.dilation_h = attributes.dilation_w = c.dilation;
  const auto out = [&](int32_t size) { return (size + c.stride - 1) / c.stride; };
  b.output(b.op(type, {x, weights}, attributes, "y", kFloat,
                {c.x[0], out(c.x[1]), out(c.x[2]), depthwise ? 4 : 3}));
  const Graph before = std::move(b).build();
  Graph after = before;
  const bool trims = c.expected_h < c.filter || c.expected_w < c.filter;
  EXPECT_EQ(trim_filters(after), trims ? 1 : 0);
  const Shape& trimmed = after.tensor(after.op(after.ops()[0]).input(1)).shape;
  EXPECT_EQ(trimmed[1], c.expected_h);
  EXPECT_EQ(trimmed[2], c.expected_w);
  expect_same_results(before, after);
}

TEST(TrimFilters, KeepsTheCellsThatSeeTheImage) {
  const Case cases[] = {
      {{2, 1, 1, 4}, 3, 1, 1, 1, 1},  // only the center
      {{2, 2, 2, 4}, 3, 2, 1, 2, 2},  // nothing lies in front
      {{2, 2, 2, 4}, 3, 1, 1, 3, 3},  // all cells are seen
      {{2, 1, 5, 4}, 5, 1, 1, 1, 5},  // one axis
      {{2, 2, 2, 4}, 5, 1, 1, 3, 3},
      {{2, 3, 3, 4}, 3, 1, 4, 1, 1},  // dilation steps over the image
      {{2, 8, 8, 4}, 3, 1, 1, 3, 3},
  };
  for (const Case& c : cases) {
    check<Conv2DAttributes>(OpType::conv_2d, c);
    check<DepthwiseConv2DAttributes>(OpType::depthwise_conv_2d, c);
  }
}

TEST(TrimFilters, LeavesOpenSizesAndSharedWeights) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 1, 1, 4});
  const TensorId w = b.constant<float>("w", {4, 3, 3, 4}, random_values(144, 1));
  const TensorId y = b.op(OpType::conv_2d, {x, w}, Conv2DAttributes{}, "y", kFloat, {1, 1, 1, 4});
  b.output(b.op(OpType::conv_2d, {y, w}, Conv2DAttributes{}, "z", kFloat, {1, 1, 1, 4}));
  Graph shared = std::move(b).build();
  EXPECT_EQ(trim_filters(shared), 0);

  GraphBuilder open;
  const TensorId image = open.input("x", kFloat, {1, 1, 1, 4});
  open.graph().tensor(image).shape_signature = Shape{1, -1, -1, 4};
  const TensorId v = open.constant<float>("w", {4, 3, 3, 4}, random_values(144, 1));
  open.output(open.op(OpType::conv_2d, {image, v}, Conv2DAttributes{}, "y", kFloat, {1, 1, 1, 4}));
  Graph graph = std::move(open).build();
  EXPECT_EQ(trim_filters(graph), 0);
}

}  // namespace
}  // namespace smelt
