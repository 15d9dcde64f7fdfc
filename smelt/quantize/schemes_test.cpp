#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/forms.h"
#include "smelt/quantize/quantize.h"

namespace smelt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> op_types(const Model& model) {
  std::vector<std::string> types;
  for (const OpId id : model.main().ops()) types.emplace_back(name(model.main().op(id).type));
  return types;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// The scheme without its limit on the size of weights.
Recipe whole_scheme(std::string_view text) {
  Recipe recipe = scheme(text);
  recipe.base.min_weight_elements = 0;
  return recipe;
}

Model quantized(const Model& model, const Recipe& recipe) {
  const Shape& input = model.main().tensor(model.main().inputs()[0]).shape;
  std::vector<int32_t> dims(input.dims().begin() + 1, input.dims().end());
  return quantize(model, random_dataset(30, Shape(std::move(dims))), {.recipe = recipe}).model;
}

/// Convolution, max pool, convolution, GELU (which has no integer form).
Model conv_pool_conv_gelu() {
  GraphBuilder b;
  TensorId x = add_conv(b, b.input("x", DataType::float32, {1, 6, 6, 3}), "first");
  const Pool2DAttributes pool{
      .padding = Padding::valid, .stride_h = 1, .stride_w = 1, .filter_h = 1, .filter_w = 1};
  x = b.op(OpType::max_pool_2d, {x}, pool, "pool", DataType::float32, {1, 6, 6, 4});
  x = add_conv(b, x, "second", 5);
  b.output(b.op(OpType::gelu, {x}, GeluAttributes{}, "gelu", DataType::float32, {1, 6, 6, 4}));
  return std::move(b).build_model();
}

TEST(Schemes, ResultsStayNearTheFloatOnes) {
  const Model model = small_classifier();
  const DatasetPtr data = random_dataset(30, {6, 6, 3});
  const std::vector<float> wanted = real_outputs(model, data);
  const std::pair<const char*, float> bounds[] = {{"none", 0.0f},
                                                  {"float16", 1e-3f},
                                                  {"dynamic", 0.01f},
                                                  {"dynamic-int4", 0.2f},
                                                  {"weight-only-int8", 0.01f},
                                                  {"weight-only-int4", 0.2f},
                                                  {"int8", 0.02f},
                                                  {"int8-float-fallback", 0.02f},
                                                  {"int16x8", 0.01f},
                                                  {"int4", 0.2f}};
  for (const auto& [name, bound] : bounds) {
    const Model small = quantized(model, whole_scheme(name));
    EXPECT_LE(largest_difference(wanted, real_outputs(small, data)), bound) << name;
  }
}

TEST(Schemes, NamesOfProjectFolders) {
  EXPECT_EQ(scheme("integer_with_float_fallback").name, "int8-float-fallback");
  EXPECT_EQ(scheme("integer_with_8bits_weights_and_16bit_activations").name, "int16x8");
  EXPECT_EQ(scheme("None").base.precision, Precision::float32);
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [] { scheme("int5"); }),
              HasSubstr("'int5' is no scheme; there are none, float16, dynamic"));
}

TEST(Schemes, SmallWeightsStayFloatInDynamicModels) {
  const Model model = quantized(small_classifier(), scheme("dynamic"));
  EXPECT_EQ(model.main().tensor(model.main().op(model.main().ops()[0]).inputs[1]).type,
            DataType::float32);
}

TEST(Schemes, WeightOnlyBringsWeightsBackInFrontOfTheirOp) {
  const Model model = quantized(small_classifier(), whole_scheme("weight-only-int4"));
  EXPECT_THAT(op_types(model), ElementsAre("DEQUANTIZE", "CONV_2D", "MEAN", "DEQUANTIZE",
                                           "FULLY_CONNECTED", "SOFTMAX"));
  const Graph& graph = model.main();
  const Tensor& stored = graph.tensor(graph.op(graph.ops()[0]).inputs[0]);
  EXPECT_EQ(stored.type, DataType::int4);
  EXPECT_EQ(stored.data.size(), 54u);  // 108 weights, two to a byte
  EXPECT_EQ(stored.quantization.scale.size(), 4u);
}

TEST(Schemes, Int16HasSymmetricActivationsAndWideBiases) {
  const Model model = quantized(small_classifier(), scheme("int16x8"));
  const Graph& graph = model.main();
  const Op& conv = graph.op(graph.ops()[0]);
  EXPECT_EQ(graph.tensor(conv.inputs[0]).type, DataType::int16);
  EXPECT_EQ(graph.tensor(conv.inputs[0]).quantization.zero_point[0], 0);
  EXPECT_EQ(graph.tensor(conv.inputs[1]).type, DataType::int8);
  EXPECT_EQ(graph.tensor(conv.inputs[2]).type, DataType::int64);
  EXPECT_FLOAT_EQ(graph.tensor(graph.outputs()[0]).quantization.scale[0], 1.0f / 32768);
}

TEST(Schemes, DenseBlocksHaveTheirOwnScales) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 64});
  const TensorId w = b.constant<float>("w", {3, 64}, random_values(192, 1));
  b.output(b.op(OpType::fully_connected, {x, w, TensorId::none}, FullyConnectedAttributes{},
                "dense", DataType::float32, {1, 3}));
  const Model model = std::move(b).build_model();
  Recipe recipe = whole_scheme("dynamic-int4");
  recipe.base.granularity = Granularity::blockwise;
  recipe.base.block_size = 32;
  const Model small = quantized(model, recipe);
  const Graph& graph = small.main();
  const Quantization& q = graph.tensor(graph.op(graph.ops()[0]).inputs[1]).quantization;
  const auto& blocks = std::get<BlockwiseScales>(q.details);
  EXPECT_EQ(blocks.block_size, 32);
  EXPECT_EQ(graph.tensor(blocks.scales).shape, (Shape{3, 2}));
  const DatasetPtr data = random_dataset(20, {64});
  EXPECT_LT(largest_difference(real_outputs(model, data), real_outputs(small, data)), 1.0f);
}

TEST(Forms, WhatHasNoIntegerFormFallsBack) {
  const Model model = quantized(conv_pool_conv_gelu(), scheme("int8-float-fallback"));
  EXPECT_THAT(op_types(model),
              ElementsAre("QUANTIZE", "CONV_2D", "MAX_POOL_2D", "CONV_2D", "DEQUANTIZE", "GELU"));
}

TEST(Forms, AnOpBetweenFloatOnesIsNotWorthTwoConversions) {
  Recipe recipe = scheme("int8-float-fallback");
  recipe.rules.push_back({.pattern = "first|second", .precision = Precision::float32});
  const Model model = quantized(conv_pool_conv_gelu(), recipe);
  EXPECT_THAT(op_types(model), ElementsAre("CONV_2D", "MAX_POOL_2D", "CONV_2D", "GELU"));
  const OpChoices choices = choose_forms(conv_pool_conv_gelu().main(), recipe);
  EXPECT_EQ(choices.begin()->second.reason, "the recipe keeps it in float");
  EXPECT_EQ(std::next(choices.begin())->second.reason, "converting around it costs more");
}

TEST(Forms, ARuleHoldsAnOpWhereItIs) {
  Recipe recipe = scheme("int8-float-fallback");
  recipe.rules.push_back({.pattern = "first|second", .precision = Precision::float32});
  recipe.rules.push_back({.pattern = "", .op = OpType::max_pool_2d, .precision = Precision::int8});
  EXPECT_THAT(op_types(quantized(conv_pool_conv_gelu(), recipe)),
              ElementsAre("CONV_2D", "QUANTIZE", "MAX_POOL_2D", "DEQUANTIZE", "CONV_2D", "GELU"));
}

TEST(Forms, PrecisionsMeetInOneConversion) {
  Recipe recipe = scheme("int8-float-fallback");
  recipe.rules.push_back({.pattern = "second", .precision = Precision::int16x8});
  const Model model = conv_pool_conv_gelu();
  EXPECT_THAT(op_types(quantized(model, recipe)),
              ElementsAre("QUANTIZE", "CONV_2D", "MAX_POOL_2D", "QUANTIZE", "CONV_2D", "DEQUANTIZE",
                          "GELU"));
  const QuantPlan plan = make_plan(model, made_up_stats(model.main()), recipe);
  int64_t converted = 0;
  for (const auto& [id, op] : plan.ops) converted += op.bridge_elements;
  EXPECT_EQ(converted, 2 * 6 * 6 * 4);  // in front of the second convolution and of GELU
}

TEST(Forms, LaterRulesOverrideEarlierOnes) {
  const Model model = conv_pool_conv_gelu();
  Recipe recipe = scheme("int8-float-fallback");
  recipe.rules.push_back({.pattern = "", .op = OpType::conv_2d, .precision = Precision::float32});
  recipe.rules.push_back({.pattern = "^second$", .precision = Precision::int8});
  const OpChoices choices = choose_forms(model.main(), recipe);
  EXPECT_EQ(choices.at(model.main().ops()[0]).precision, Precision::float32);
  EXPECT_EQ(choices.at(model.main().ops()[2]).precision, Precision::int8);
  recipe.rules.push_back({.pattern = "[", .precision = Precision::int8});
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { choose_forms(model.main(), recipe); }),
              HasSubstr("'[' is no regular expression"));
}

TEST(Forms, InputsAndOutputsTakeTheTypeThatIsAsked) {
  for (const IoType io : {IoType::int8, IoType::uint8, IoType::int16, IoType::float32}) {
    for (const char* text : {"int8", "int16x8", "int8-float-fallback", "dynamic"}) {
      Recipe recipe = whole_scheme(text);
      recipe.io = io;
      const Model model = quantized(small_classifier(), recipe);
      const Graph& graph = model.main();
      EXPECT_EQ(name(graph.tensor(graph.inputs()[0]).type), name(io)) << text;
      EXPECT_EQ(name(graph.tensor(graph.outputs()[0]).type), name(io)) << text;
      real_outputs(model, random_dataset(2, {6, 6, 3}));
    }
  }
}

TEST(Apply, TakesTheIntegersThatThePlanHolds) {
  const Model model = small_classifier();
  for (const char* text : {"int8", "int4"}) {
    QuantPlan plan = make_plan(model, made_up_stats(model.main()), whole_scheme(text));
    const OpId conv = model.main().ops()[0];
    OperandPlan& weights = plan.ops.at(conv).operands[0];
    ASSERT_EQ(weights.index, 1u);
    weights.values = Buffer::of(std::vector<int8_t>(108, -3));
    const Model small = apply(model, plan);
    const Graph& graph = small.main();
    const Tensor& stored = graph.tensor(graph.op(conv).inputs[1]);
    const uint8_t byte = stored.type == DataType::int4 ? 0xdd : 0xfd;
    EXPECT_TRUE(std::all_of(stored.data.bytes().begin(), stored.data.bytes().end(), [&](uint8_t b) {
      return b == byte;
    })) << text;
  }
}

}  // namespace
}  // namespace smelt
