#include "smelt/quantize/debug/judge.h"

#include <functional>

#include "smelt/quantize/debug/fix.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/quantize.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

// A model for every verdict, made to have that fault.

/// [count, width] values made by f(row, column).
DatasetPtr dataset(int32_t count, int32_t width, const std::function<float(int32_t, int32_t)>& f) {
  std::vector<float> values;
  for (int32_t row = 0; row < count; ++row) {
    for (int32_t column = 0; column < width; ++column) values.push_back(f(row, column));
  }
  ArrayDatasetParts parts{.name = "made up"};
  parts.inputs.emplace_back(
      Array{.type = DataType::float32, .shape = {count, width}, .data = Buffer::of(values)});
  return make_array_dataset(std::move(parts));
}

/// Random values in [-1, 1].
DatasetPtr uniform(int32_t count, int32_t width) {
  const auto values = random_values(static_cast<size_t>(count * width), 17);
  return dataset(count, width, [&](int32_t row, int32_t column) {
    return values[static_cast<size_t>(row * width + column)];
  });
}

TensorId add_dense(GraphBuilder& b, TensorId x, const std::string& name,
                   const std::vector<float>& weights, const std::vector<float>& bias) {
  const int32_t in = b.graph().tensor(x).shape.back();
  const auto out = static_cast<int32_t>(bias.size());
  const TensorId w = b.constant<float>(name + "/w", {out, in}, weights);
  const TensorId c = b.constant<float>(name + "/b", {out}, bias);
  return b.op(OpType::fully_connected, {x, w, c}, FullyConnectedAttributes{}, name,
              DataType::float32, {1, out});
}

Model dense_model(int32_t in, const std::vector<float>& weights, const std::vector<float>& bias) {
  GraphBuilder b;
  b.output(add_dense(b, b.input("x", DataType::float32, {1, in}), "dense", weights, bias));
  return std::move(b).build_model();
}

/// The cures that the findings of the layer name first.
std::vector<Cure> cures(const DebugReport& report, const std::string& layer) {
  std::vector<Cure> first;
  for (const LayerReport& row : report.layers) {
    if (row.layer != layer) continue;
    for (const Finding& finding : row.findings) first.push_back(finding.cures.at(0));
  }
  return first;
}

DebugReport debug(const QuantizeResult& result, const DatasetPtr& data) {
  return debug_quantization(result.float_model, result.model, data, {.align = AlignBy::ids});
}

TEST(Judge, ASoundModelHasNoFindings) {
  const DatasetPtr data = random_dataset(100, {6, 6, 3});
  for (const LayerReport& layer : debug(quantize(small_classifier(), data), data).layers) {
    EXPECT_THAT(layer.findings, testing::IsEmpty()) << layer.layer;
  }
}

TEST(Judge, ChannelsOfWeightsThatDifferWantAScaleEach) {
  std::vector<float> weights = random_values(64, 1);
  for (size_t i = 8; i < 64; ++i) weights[i] /= 200;  // channel 0 is large
  std::vector<float> bias(8, 0.0f);
  // The large channel says nothing: its input is always 0.
  for (size_t i = 0; i < 8; ++i) weights[i] = i == 0 ? 1.0f : 0.0f;
  const Model model = dense_model(8, weights, bias);
  const auto values = random_values(800, 5);
  const DatasetPtr data = dataset(100, 8, [&](int32_t row, int32_t column) {
    return column == 0 ? 0.0f : values[static_cast<size_t>(row * 8 + column)];
  });
  const QuantizeResult result = quantize(model, data);
  const DebugReport report = debug(result, data);
  EXPECT_THAT(cures(report, "dense"), testing::Contains(Cure::per_channel_weights));

  const Fix fix = fix_findings(result.plan.recipe, report);
  EXPECT_THAT(fix.applied, testing::Contains("dense: per-channel weights"));
  const DebugReport after = debug(quantize(model, data, {.recipe = fix.recipe}), data);
  EXPECT_LT(after.output_mse, report.output_mse / 10);
}

TEST(Judge, ChannelsOfActivationsThatDifferWantToBeEqualized) {
  GraphBuilder b;
  std::vector<float> first(64, 0.0f), second(16, 0.0f);
  for (size_t c = 0; c < 8; ++c) first[c * 8 + c] = c == 0 ? 1.0f : 0.004f;
  for (size_t c = 1; c < 8; ++c) second[c] = second[8 + c] = 1.0f + 0.1f * static_cast<float>(c);
  second[8] = 0.001f;
  const TensorId x = b.input("x", DataType::float32, {1, 8});
  const TensorId h = add_dense(b, x, "first", first, std::vector<float>(8, 0.0f));
  b.output(add_dense(b, h, "second", second, std::vector<float>(2, 0.0f)));
  const Model model = std::move(b).build_model();
  const DatasetPtr data = uniform(100, 8);
  const QuantizeResult result =
      quantize(model, data, {.recipe = {.base = {.granularity = Granularity::per_channel}}});
  EXPECT_THAT(cures(debug(result, data), "second"), testing::Contains(Cure::equalize));
}

TEST(Judge, FewLargeValuesWantANarrowerRange) {
  constexpr int32_t kUnits = 256;
  std::vector<float> weights = random_values(static_cast<size_t>(kUnits * 4), 9, 0.05f);
  for (size_t i = 0; i < 4; ++i) weights[i] = i == 0 ? 10.0f : 0.0f;
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 4});
  const std::vector<float> none(static_cast<size_t>(kUnits), 0.0f);
  const TensorId h = add_dense(b, x, "spikes", weights, none);
  b.output(add_dense(b, h, "sum", random_values(static_cast<size_t>(kUnits * 2), 3), {0, 0}));
  const Model model = std::move(b).build_model();
  const auto values = random_values(800, 37, 0.9f);
  const DatasetPtr data = dataset(200, 4, [&](int32_t row, int32_t column) {
    if (column == 0) return row == 50 ? 1.0f : 0.0f;  // unit 0 fires once
    return values[static_cast<size_t>(row * 4 + column)];
  });
  const OpConfig config{.granularity = Granularity::per_channel, .ranges = RangeMethod::minmax};
  const QuantizeResult result = quantize(model, data, {.recipe = {.base = config}});
  EXPECT_THAT(cures(debug(result, data), "spikes"), testing::ElementsAre(Cure::narrower_range));
}

TEST(Judge, ValuesThatAreCutOffWantAWiderRange) {
  const DatasetPtr data = random_dataset(100, {6, 6, 3});
  QuantizeResult result = quantize(small_classifier(), data);
  for (auto& [id, tensor] : result.plan.tensors) {
    if (tensor.name == "conv") tensor.quantization = asymmetric_int8(0, 0.5f);
  }
  for (auto& [id, op] : result.plan.ops) {
    for (OperandPlan& operand : op.operands) {
      if (operand.as.name == "dense/b") operand.as.quantization.scale = {1e-4f};
    }
  }
  result.model = apply(result.float_model, result.plan);
  EXPECT_THAT(cures(debug(result, data), "conv"), testing::Contains(Cure::wider_range));
}

TEST(Judge, DifferencesOfNearlyEqualValuesWantInt16) {
  // y = 50 (x0 - x1), where x1 is x0 and a little.
  const auto values = random_values(400, 23);
  const DatasetPtr data = dataset(200, 2, [&](int32_t row, int32_t column) {
    const auto at = static_cast<size_t>(2 * row);
    return column == 0 ? values[at] : values[at] + 0.01f * values[at + 1];
  });
  const Model model = dense_model(2, {50, -50}, {0});
  EXPECT_THAT(cures(debug(quantize(model, data), data), "dense"),
              testing::ElementsAre(Cure::int16_activations));
}

TEST(Judge, WeightsThatCancelWantFloat) {
  // y = x0 - 0.99 x1, where both are the same.
  const auto values = random_values(200, 29);
  const DatasetPtr data =
      dataset(200, 2, [&](int32_t row, int32_t) { return values[static_cast<size_t>(row)]; });
  const Model model = dense_model(2, {1, -0.99f}, {0});
  EXPECT_THAT(cures(debug(quantize(model, data), data), "dense"),
              testing::Contains(Cure::keep_float));
}

TEST(Judge, ErrorsOfOneSignWantBiasCorrection) {
  // Every small weight is rounded to 0, and every input is positive.
  std::vector<float> weights(64, 0.0035f);
  weights[0] = 1;
  const auto values = random_values(6400, 31, 0.2f);
  const DatasetPtr data = dataset(100, 64, [&](int32_t row, int32_t column) {
    return 0.8f + values[static_cast<size_t>(row * 64 + column)];
  });
  const Model model = dense_model(64, weights, {0});
  EXPECT_THAT(cures(debug(quantize(model, data), data), "dense"),
              testing::Contains(Cure::bias_correction));
}

TEST(Judge, CoarseWeightsWantMoreBits) {
  const DatasetPtr data = random_dataset(100, {6, 6, 3});
  Recipe recipe = scheme("int4");
  recipe.base.min_weight_elements = 0;
  const QuantizeResult result = quantize(small_classifier(), data, {.recipe = recipe});
  const DebugReport report = debug(result, data);
  EXPECT_THAT(cures(report, "conv"), testing::ElementsAre(Cure::more_weight_bits));
  const Fix fix = fix_findings(result.plan.recipe, report);
  const DebugReport after = debug(quantize(small_classifier(), data, {.recipe = fix.recipe}), data);
  EXPECT_LT(after.output_mse, report.output_mse);
}

TEST(Judge, AccuracyThatReturnsIsAFinding) {
  LayerReport layer{.type = OpType::conv_2d, .layer = "conv"};
  layer.layerwise.sqnr_db = 38;
  layer.split = {.activation = 1};
  layer.accuracy_gain = 0.02;
  judge(layer, 100);  // two samples of 100 are chance
  EXPECT_THAT(layer.findings, testing::IsEmpty());
  judge(layer, 500);
  ASSERT_EQ(layer.findings.size(), 1u);
  EXPECT_THAT(layer.findings[0].text, testing::HasSubstr("accuracy rises by 2.0 points"));
}

TEST(Fix, RulesNameTheLayerAndNoOther) {
  DebugReport report;
  report.layers.push_back({.layer = "a/b", .float_name = "a/b.c+1"});
  report.layers[0].findings = {{"", {Cure::equalize, Cure::int16_activations}}};
  const Fix fix = fix_findings(scheme("int8"), report);
  ASSERT_EQ(fix.recipe.rules.size(), 1u);
  EXPECT_EQ(fix.recipe.rules[0].pattern, "^a\\/b\\.c\\+1$");
  EXPECT_EQ(fix.recipe.rules[0].precision, Precision::int16x8);
  const Fix able = fix_findings(scheme("int8"), report, {.equalize = true});
  EXPECT_TRUE(able.equalize);
  EXPECT_THAT(able.recipe.rules, testing::IsEmpty());
}

TEST(Fix, RecipesAreReadOffModels) {
  const DatasetPtr data = random_dataset(10, {6, 6, 3});
  for (const IoType io : {IoType::int8, IoType::uint8, IoType::float32}) {
    const Recipe recipe =
        recipe_of(quantize(small_classifier(), data, {.recipe = {.io = io}}).model);
    EXPECT_EQ(recipe.name, "int8");
    EXPECT_EQ(recipe.io, io);
  }
  EXPECT_EQ(recipe_of(small_classifier()).name, "none");
}

}  // namespace
}  // namespace smelt
