#include <cmath>

#include "smelt/quantize/float_models.h"
#include "smelt/quantize/quantize.h"
#include "smelt/quantize/recover/channel_links.h"
#include "smelt/quantize/recover/run_error.h"

namespace smelt {
namespace {

constexpr int32_t kChannels = 12;

/// Factors from 0.01 to 100.
std::vector<float> unequal_factors(uint64_t seed) {
  Random random(seed);
  std::vector<float> factors(kChannels);
  for (float& factor : factors) factor = std::pow(10.0f, random.uniform(-2.0f, 2.0f));
  return factors;
}

/// Inverted bottleneck of MobileNetV2: expansion, depthwise, projection, mean over positions,
/// dense. Channels between the convolutions are scaled by factors, and back.
Model bottleneck(Activation activation, bool unequal) {
  const auto between = unequal ? unequal_factors(3) : std::vector<float>(kChannels, 1);
  const auto behind = unequal ? unequal_factors(4) : std::vector<float>(kChannels, 1);
  auto expand = random_values(kChannels * 3, 1);
  auto expand_bias = random_values(kChannels, 2, 0.2f);
  for (size_t i = 0; i < expand.size(); ++i) expand[i] *= between[i / 3];
  for (size_t i = 0; i < expand_bias.size(); ++i) expand_bias[i] *= between[i];
  auto depthwise = random_values(9 * kChannels, 5);
  auto depthwise_bias = random_values(kChannels, 6, 0.2f);
  for (size_t i = 0; i < depthwise.size(); ++i) {
    depthwise[i] *= behind[i % kChannels] / between[i % kChannels];
  }
  for (size_t i = 0; i < depthwise_bias.size(); ++i) depthwise_bias[i] *= behind[i];
  auto project = random_values(4 * kChannels, 7);
  for (size_t i = 0; i < project.size(); ++i) project[i] /= behind[i % kChannels];
  GraphBuilder b;
  TensorId x = b.input("image", DataType::float32, {1, 6, 6, 3});
  const auto bias = [&](const char* name, const std::vector<float>& values) {
    return b.constant<float>(name, {static_cast<int32_t>(values.size())}, values);
  };
  x = b.op(OpType::conv_2d,
           {x, b.constant<float>("expand/w", {kChannels, 1, 1, 3}, expand),
            bias("expand/b", expand_bias)},
           Conv2DAttributes{.activation = activation}, "expand", DataType::float32,
           {1, 6, 6, kChannels});
  x = b.op(OpType::depthwise_conv_2d,
           {x, b.constant<float>("depthwise/w", {1, 3, 3, kChannels}, depthwise),
            bias("depthwise/b", depthwise_bias)},
           DepthwiseConv2DAttributes{.activation = activation}, "depthwise", DataType::float32,
           {1, 6, 6, kChannels});
  x = b.op(OpType::conv_2d,
           {x, b.constant<float>("project/w", {4, 1, 1, kChannels}, project),
            bias("project/b", random_values(4, 8))},
           Conv2DAttributes{}, "project", DataType::float32, {1, 6, 6, 4});
  x = b.op(OpType::mean, {x, b.constant<int32_t>("axes", {2}, {1, 2})}, ReduceAttributes{}, "mean",
           DataType::float32, {1, 4});
  b.output(b.op(OpType::fully_connected,
                {x, b.constant<float>("dense/w", {5, 4}, random_values(20, 9)),
                 bias("dense/b", random_values(5, 10))},
                FullyConnectedAttributes{}, "dense", DataType::float32, {1, 5}));
  return std::move(b).build_model();
}

QuantizeOptions per_tensor(const RecoverOptions& recover = {}) {
  QuantizeOptions options{.recipe = scheme("int8"), .recover = recover};
  options.recipe.base.granularity = Granularity::per_tensor;
  return options;
}

double output_db(const QuantizeResult& result, const DatasetPtr& data) {
  return FloatOutputs(result.float_model, *data, 1).error_db(result.model, 1);
}

TEST(ChannelLinks, GoThroughWhatKeepsChannelsApart) {
  const Model model = bottleneck(Activation::relu, false);
  const std::vector<ChannelLink> links = channel_links(model.main());
  ASSERT_EQ(links.size(), 3u);    // expand-depthwise, depthwise-project, project-mean-dense
  EXPECT_FALSE(links[0].shifts);  // the depthwise convolution pads
  EXPECT_TRUE(links[1].shifts);
  EXPECT_TRUE(links[2].shifts);
  EXPECT_EQ(links[2].channels, 4);
}

TEST(ChannelLinks, EndWhereSomebodyElseReads) {
  Model model = bottleneck(Activation::relu, false);
  Graph& graph = model.main();
  std::vector<TensorId> outputs = graph.outputs();
  outputs.push_back(find_tensor(graph, "depthwise"));
  graph.set_outputs(outputs);
  EXPECT_EQ(channel_links(graph).size(), 2u);
}

TEST(Equalize, ComputesTheSame) {
  const DatasetPtr data = random_dataset(40, {6, 6, 3});
  for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6}) {
    SCOPED_TRACE(name(activation));
    const Model model = bottleneck(activation, activation != Activation::relu6);
    Model equalized = model;
    EXPECT_EQ(equalize(equalized, data, {}), 3);
    EXPECT_GT(FloatOutputs(model, *data, 1).error_db(equalized, 1), 100);
  }
}

TEST(Equalize, RegainsWhatPerTensorWeightsLoseOnUnequalChannels) {
  const DatasetPtr data = random_dataset(64, {6, 6, 3});
  const double equal =
      output_db(quantize(bottleneck(Activation::relu, false), data, per_tensor()), data);
  const Model model = bottleneck(Activation::relu, true);
  const double before = output_db(quantize(model, data, per_tensor()), data);
  const QuantizeResult result = quantize(model, data, per_tensor({.equalize = true}));
  EXPECT_LT(before, 10);  // dB
  EXPECT_GT(output_db(result, data), equal - 3);
  ASSERT_EQ(result.recovery.size(), 1u);
  EXPECT_TRUE(result.recovery[0].steps.at(0).kept);
}

TEST(Equalize, LeavesDeadChannelsAlone) {
  Model model = bottleneck(Activation::relu, false);
  Graph& graph = model.main();
  Tensor& weights = graph.tensor(find_tensor(graph, "expand/w"));
  const auto old = weights.data.as<float>();
  std::vector<float> values(old.begin(), old.end());
  std::fill_n(values.begin(), 3, 0.0f);
  std::fill_n(values.begin() + 3, 3, 1e-12f);
  weights.data = Buffer::of(values);
  const DatasetPtr data = random_dataset(40, {6, 6, 3});
  Model equalized = model;
  equalize(equalized, data, {});
  EXPECT_GT(FloatOutputs(model, *data, 1).error_db(equalized, 1), 100);
  EXPECT_GE(output_db(quantize(model, data, per_tensor({.equalize = true})), data),
            output_db(quantize(model, data, per_tensor()), data));
}

TEST(Equalize, AbsorbsWhatAChannelNeverGoesBelow) {
  Model model = bottleneck(Activation::relu, false);
  Graph& graph = model.main();
  graph.tensor(find_tensor(graph, "depthwise/b")).data =
      Buffer::of(std::vector<float>(kChannels, 30.0f));
  const DatasetPtr data = random_dataset(64, {6, 6, 3});
  Model equalized = model;
  equalize(equalized, data, {});
  EXPECT_GT(FloatOutputs(model, *data, 1).error_db(equalized, 1), 90);
  const double before = output_db(quantize(model, data, per_tensor()), data);
  EXPECT_GT(output_db(quantize(model, data, per_tensor({.equalize = true})), data), before + 2);
}

}  // namespace
}  // namespace smelt
