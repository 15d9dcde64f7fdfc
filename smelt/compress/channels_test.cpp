#include "smelt/compress/channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "smelt/base/error.h"
#include "smelt/base/random.h"
#include "smelt/ir/builder.h"
#include "smelt/run/interpreter.h"

namespace smelt::compress {
namespace {

/// Builds networks layer by layer with random weights.
class Network {
 public:
  explicit Network(uint64_t seed) : random_(seed) {}

  TensorId input(Shape shape) { return b_.input("x", DataType::float32, std::move(shape)); }
  const Shape& shape(TensorId id) { return b_.graph().tensor(id).shape; }

  TensorId conv(const std::string& name, TensorId x, int32_t channels, int32_t size = 3) {
    Shape result = shape(x);
    result[3] = channels;
    const TensorId w = constant(name + "/w", {channels, size, size, shape(x)[3]});
    return layer(OpType::conv_2d, name, {x, w, constant(name + "/b", {channels})},
                 Conv2DAttributes{}, result);
  }
  TensorId depthwise(const std::string& name, TensorId x, int32_t multiplier) {
    Shape result = shape(x);
    result[3] *= multiplier;
    const TensorId w = constant(name + "/w", {1, 3, 3, result[3]});
    return layer(OpType::depthwise_conv_2d, name, {x, w, constant(name + "/b", {result[3]})},
                 DepthwiseConv2DAttributes{.depth_multiplier = multiplier}, result);
  }
  TensorId dense(const std::string& name, TensorId x, int32_t units) {
    const TensorId w = constant(name + "/w", {units, static_cast<int32_t>(shape(x).elements())});
    return layer(OpType::fully_connected, name, {x, w, constant(name + "/b", {units})},
                 FullyConnectedAttributes{}, {1, units});
  }
  TensorId norm(const std::string& name, TensorId x) {
    const Shape c = {shape(x).back()};
    const TensorId variance = constant(name + "/var", c, 0.5f, 2);
    return layer(OpType::batch_normalization, name,
                 {x, constant(name + "/gamma", c), constant(name + "/beta", c),
                  constant(name + "/mean", c), variance},
                 BatchNormalizationAttributes{}, shape(x));
  }
  TensorId unary(OpType type, TensorId x) {
    return layer(
        type, "", {x},
        type == OpType::softmax ? Attributes(SoftmaxAttributes{}) : Attributes(NoAttributes{}),
        shape(x));
  }
  TensorId binary(OpType type, TensorId x, TensorId y) {
    return layer(
        type, "", {x, y},
        type == OpType::add ? Attributes(ArithmeticAttributes{}) : Attributes(FusedAttributes{}),
        shape(x));
  }
  TensorId concat(std::vector<TensorId> parts) {
    Shape result = shape(parts[0]);
    for (size_t i = 1; i < parts.size(); ++i) result[3] += shape(parts[i])[3];
    return layer(OpType::concatenation, "", std::move(parts), ConcatenationAttributes{.axis = 3},
                 result);
  }
  TensorId flatten(TensorId x) {
    const auto size = static_cast<int32_t>(shape(x).elements());
    const TensorId to = b_.constant<int32_t>("shape", {2}, {-1, size});
    return layer(OpType::reshape, "flatten", {x, to},
                 ReshapeAttributes{std::vector<int32_t>{-1, size}}, {1, size});
  }
  TensorId average(TensorId x) {
    const TensorId axes = b_.constant<int32_t>("axes", {2}, {1, 2});
    return layer(OpType::mean, "gap", {x, axes}, ReduceAttributes{}, {1, shape(x)[3]});
  }
  TensorId constant(const std::string& name, Shape shape, float low = -1, float high = 1) {
    std::vector<float> values(static_cast<size_t>(shape.elements()));
    for (float& value : values) value = random_.uniform(low, high);
    return b_.constant<float>(name, std::move(shape), values);
  }
  Model build(TensorId y) {
    b_.output(y);
    return std::move(b_).build_model();
  }

 private:
  TensorId layer(OpType type, const std::string& name, std::vector<TensorId> inputs,
                 Attributes attributes, Shape result) {
    const TensorId y = b_.tensor(
        {.name = name.empty() ? "t" + std::to_string(count_++) : name, .shape = std::move(result)});
    b_.op(type, std::move(inputs), {y}, std::move(attributes), name);
    return y;
  }

  GraphBuilder b_;
  Random random_;
  int count_ = 0;
};

std::vector<float> run(const Model& model, uint64_t seed) {
  Interpreter interpreter(Program::prepare(model));
  Random random(seed);
  for (float& value : interpreter.input<float>(0)) value = random.uniform(-1, 1);
  interpreter.invoke();
  const auto y = interpreter.output<float>(0);
  return {y.begin(), y.end()};
}

int64_t weights(const Model& model) {
  int64_t count = 0;
  for (const TensorId id : model.main().tensors()) {
    const Tensor& tensor = model.main().tensor(id);
    if (tensor.is_constant && tensor.type == DataType::float32) count += tensor.shape.elements();
  }
  return count;
}

/// Shrinks and zeroes; both must compute the same.
ShrunkModel expect_same(const Model& model, const ChannelSettings& settings) {
  ShrunkModel small = remove_channels(model, settings);
  const ShrunkModel zeroed = zero_channels(model, settings);
  EXPECT_LT(weights(small.model), weights(model));
  EXPECT_EQ(weights(zeroed.model), weights(model));
  const std::vector<float> y = run(small.model, 1), expected = run(zeroed.model, 1);
  EXPECT_EQ(y.size(), expected.size());
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_NEAR(y[i], expected[i], 1e-4 * std::max(1.0f, std::fabs(expected[i]))) << i;
  }
  return small;
}

Model plain(uint64_t seed) {
  Network n(seed);
  TensorId x = n.unary(OpType::relu, n.norm("bn1", n.conv("c1", n.input({1, 5, 5, 3}), 8)));
  x = n.unary(OpType::relu6, n.depthwise("dw", x, 2));
  x = n.unary(OpType::relu, n.conv("c2", x, 6, 1));
  x = n.dense("d1", n.flatten(x), 10);
  return n.build(n.unary(OpType::softmax, n.dense("d2", x, 4)));
}

TEST(RemoveChannels, FollowsDepthwiseNormsAndFlattening) {
  for (const ChannelNorm norm : {ChannelNorm::l1, ChannelNorm::l2}) {
    const ShrunkModel small = expect_same(plain(1), {.fraction = 0.5, .norm = norm});
    ASSERT_EQ(small.groups.size(), 4u);
    EXPECT_EQ(small.groups[0].removed, 4);
    EXPECT_EQ(small.groups[1].removed, 3);
    EXPECT_EQ(small.groups[2].removed, 5);
    EXPECT_EQ(small.groups[3].removed, 0);
    EXPECT_THAT(small.groups[3].pinned, testing::HasSubstr("SOFTMAX"));
    const Graph& graph = small.model.main();
    const Op& depthwise = graph.op(graph.ops()[3]);
    EXPECT_EQ(graph.tensor(depthwise.inputs[1]).shape, (Shape{1, 3, 3, 8}));
  }
}

TEST(RemoveChannels, RemovesTheSmallestAndKeepsTheOthers) {
  Network n(2);
  const TensorId y = n.conv("c2", n.conv("c1", n.input({1, 3, 3, 1}), 4, 1), 2, 1);
  Model model = n.build(y);
  Graph& graph = model.main();
  Tensor& kernel = graph.tensor(graph.op(graph.ops()[0]).inputs[1]);
  kernel.data = Buffer::of(std::vector<float>{1, -0.1f, 0.5f, -3});
  const ShrunkModel small = expect_same(model, {.fraction = 0.5});
  const Graph& result = small.model.main();
  EXPECT_THAT(result.tensor(result.op(result.ops()[0]).inputs[1]).data.as<float>(),
              testing::ElementsAre(1, -3));
}

TEST(RemoveChannels, ResidualSumsAreTied) {
  Network n(3);
  const TensorId a = n.unary(OpType::relu, n.conv("a", n.input({1, 4, 4, 3}), 8));
  const TensorId b = n.conv("b", n.unary(OpType::relu, n.conv("inner", a, 5)), 8);
  const TensorId sum = n.unary(OpType::relu, n.binary(OpType::add, a, b));
  const Model model = n.build(n.dense("top", n.average(sum), 3));
  const ShrunkModel small = expect_same(model, {.fraction = 0.4});
  ASSERT_EQ(small.groups.size(), 3u);
  EXPECT_THAT(small.groups[0].layers, testing::ElementsAre("a", "b"));
  EXPECT_EQ(small.groups[0].removed, 3);
  EXPECT_EQ(small.groups[1].removed, 2);
}

TEST(RemoveChannels, ConcatenationsKeepTheirOrder) {
  Network n(4);
  const TensorId x = n.input({1, 4, 4, 3});
  const TensorId both = n.concat({n.conv("a", x, 4), x, n.conv("b", x, 6)});
  const TensorId scaled =
      n.binary(OpType::mul, n.norm("bn", both), n.constant("scale", {1, 1, 1, 13}));
  const Model model = n.build(n.dense("top", n.conv("c", scaled, 5), 2));
  const ShrunkModel small = expect_same(model, {.fraction = 0.5});
  EXPECT_EQ(small.groups[0].removed, 2);
  EXPECT_EQ(small.groups[1].removed, 3);
}

TEST(RemoveChannels, SqueezeAndExcitationIsTiedToWhatItScales) {
  Network n(5);
  const TensorId a = n.conv("a", n.input({1, 4, 4, 3}), 8);
  const TensorId gate =
      n.unary(OpType::logistic, n.conv("expand", n.conv("reduce", a, 3, 1), 8, 1));
  const Model model = n.build(n.dense("top", n.binary(OpType::mul, a, gate), 2));
  const ShrunkModel small = expect_same(model, {.fraction = 0.5});
  EXPECT_THAT(small.groups[0].layers, testing::ElementsAre("a", "expand"));
}

TEST(RemoveChannels, GammasChoose) {
  const Model model = plain(6);
  const ShrunkModel small = expect_same(model, {.fraction = 0.25, .norm = ChannelNorm::gamma});
  EXPECT_EQ(small.groups[0].removed, 2);
  EXPECT_EQ(small.groups[1].removed, 0);
}

TEST(RemoveChannels, SettingsBoundWhatGoes) {
  const ShrunkModel eight =
      expect_same(plain(7), {.fraction = 0.6, .multiple_of = 4, .overrides = {{"d*", 0}}});
  EXPECT_EQ(eight.groups[0].removed, 4);
  EXPECT_EQ(eight.groups[1].removed, 2);
  EXPECT_EQ(eight.groups[2].removed, 0);
}

TEST(RemoveChannels, SharedConstantsMayBeCutDifferently) {
  Network n(8);
  const TensorId x = n.input({1, 4, 4, 4});
  const TensorId a = n.conv("a", x, 4), b = n.conv("b", a, 4);
  Model model = n.build(n.dense("top", b, 2));
  Graph& graph = model.main();
  const TensorId kernel = graph.op(graph.ops()[0]).inputs[1];
  graph.set_op_input(graph.ops()[1], 1, kernel);
  graph.set_op_input(graph.ops()[1], 2, graph.op(graph.ops()[0]).inputs[2]);
  expect_same(model, {.fraction = 0.5});
}

TEST(RemoveChannels, RefusesWhatCannotBe) {
  const Model model = plain(9);
  EXPECT_THROW(remove_channels(model, {.fraction = 1}), Error);
  EXPECT_THROW(remove_channels(model, {.multiple_of = 0}), Error);
  EXPECT_THROW(remove_channels(model, {.fraction = 0.01}), Error);
  try {
    remove_channels(model, {.overrides = {{"d2", 0.5}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("layer 'd2' cannot lose channels: it reaches op"));
  }
  Network n(10);
  const Model single = n.build(n.conv("c", n.input({1, 3, 3, 2}), 4));
  EXPECT_THROW(remove_channels(single, {}), Error);
}

}  // namespace
}  // namespace smelt::compress
