#include "smelt/quantize/apply.h"

#include "smelt/ir/dump.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

constexpr DataType kFloat = DataType::float32;

/// y = FULLY_CONNECTED(x) with simple numbers.
Model dense_model() {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  const TensorId w = b.constant<float>("dense/w", {2, 2}, {1.27f, -0.5f, 0.25f, -1.27f});
  const TensorId bias = b.constant<float>("dense/b", {2}, {1, -2});
  b.output(b.op(OpType::fully_connected, {x, w, bias}, FullyConnectedAttributes{}, "dense", kFloat,
                {1, 2}));
  Model model = std::move(b).build_model();
  model.signatures.push_back({.key = "serving_default",
                              .inputs = {{"in", model.main().inputs()[0]}},
                              .outputs = {{"out", model.main().outputs()[0]}}});
  return model;
}

Model quantized(const Model& model, IoType io) {
  const Stats stats =
      made_up_stats(model.main(), {{"x", {1, 0, 2.55f}}, {"dense", {1, -2.55f, 2.55f}}});
  return apply(model, make_plan(model, stats, {.io = io}));
}

constexpr std::string_view kAttributes =
    "activation=none weights_format=plain keep_num_dims=false asymmetric_quantize_inputs=false "
    "quantized_bias_type=float32\n";

TEST(Apply, Int8InAndOut) {
  const Model model = quantized(dense_model(), IoType::int8);
  EXPECT_EQ(dump(model.main()),
            fmt::format("graph main\n"
                        "  input x: int8[1, 2] scale=0.01 zero=-128\n"
                        "  dense: int8[1, 2] scale=0.02 zero=0 = FULLY_CONNECTED(x, dense/w, "
                        "dense/b) {}"
                        "  output dense\n",
                        kAttributes));
  const Op& op = model.main().op(model.main().ops()[0]);
  const auto w = model.main().tensor(op.input(1)).data.as<int8_t>();
  EXPECT_EQ(std::vector<int8_t>(w.begin(), w.end()), (std::vector<int8_t>{127, -50, 25, -127}));
  const auto b = model.main().tensor(op.input(2)).data.as<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(b.begin(), b.end()), (std::vector<int32_t>{10000, -20000}));
  EXPECT_EQ(model.main().tensors().size(), 4u) << "float constants are gone";
}

TEST(Apply, FloatInAndOut) {
  const Model model = quantized(dense_model(), IoType::float32);
  EXPECT_EQ(dump(model.main()),
            fmt::format("graph main\n"
                        "  input x: float32[1, 2]\n"
                        "  x/int8: int8[1, 2] scale=0.01 zero=-128 = QUANTIZE(x)\n"
                        "  dense/int8: int8[1, 2] scale=0.02 zero=0 = FULLY_CONNECTED(x/int8, "
                        "dense/w, dense/b) {}"
                        "  dense: float32[1, 2] = DEQUANTIZE(dense/int8)\n"
                        "  output dense\n",
                        kAttributes));
  EXPECT_EQ(model.signatures, dense_model().signatures);
}

TEST(Apply, Uint8InAndOut) {
  const Model model = quantized(dense_model(), IoType::uint8);
  EXPECT_EQ(dump(model.main()),
            fmt::format("graph main\n"
                        "  input x: uint8[1, 2] scale=0.01 zero=0\n"
                        "  x/int8: int8[1, 2] scale=0.01 zero=-128 = QUANTIZE(x)\n"
                        "  dense/int8: int8[1, 2] scale=0.02 zero=0 = FULLY_CONNECTED(x/int8, "
                        "dense/w, dense/b) {}"
                        "  dense: uint8[1, 2] scale=0.02 zero=128 = QUANTIZE(dense/int8)\n"
                        "  output dense\n",
                        kAttributes));
}

TEST(Apply, GivesTheSameTwiceAndLeavesTheFloatModel) {
  const Model model = dense_model();
  const std::string before = dump(model);
  const Model once = quantized(model, IoType::int8);
  EXPECT_EQ(difference(once, quantized(model, IoType::int8)), "");
  EXPECT_EQ(dump(model), before);
}

TEST(Apply, ConvertsFixedScalesInFrontOfConcatenationOnce) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId s = b.op(OpType::logistic, {x}, NoAttributes{}, "s", kFloat, {1, 4});
  b.output(b.op(OpType::concatenation, {s, x, s}, ConcatenationAttributes{.axis = 1}, "y", kFloat,
                {1, 12}));
  const Model model = std::move(b).build_model();
  const Model result = apply(model, make_plan(model, made_up_stats(model.main())));
  EXPECT_EQ(dump(result.main()),
            "graph main\n"
            "  input x: int8[1, 4] scale=0.007843138 zero=-1\n"
            "  s: int8[1, 4] scale=0.00390625 zero=-128 = LOGISTIC(x)\n"
            "  s/int8: int8[1, 4] scale=0.007843138 zero=-1 = QUANTIZE(s)\n"
            "  y: int8[1, 12] scale=0.007843138 zero=-1 = CONCATENATION(s/int8, x, s/int8) axis=1 "
            "activation=none\n"
            "  output y\n");
}

TEST(Apply, SharedConstantsGetAFormPerUse) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  const TensorId w = b.constant<float>("w", {2, 2}, {1, 2, 3, 4});
  const TensorId bias = b.constant<float>("b", {2}, {1, 2});
  TensorId y = x;
  for (const char* layer : {"first", "second"}) {
    y = b.op(OpType::fully_connected, {y, w, bias}, FullyConnectedAttributes{}, layer, kFloat,
             {1, 2});
  }
  b.output(y);
  const Model model = std::move(b).build_model();
  const Stats stats = made_up_stats(model.main(), {{"first", {1, -9, 9}}});
  const Model result = apply(model, make_plan(model, stats));
  const Graph& graph = result.main();
  const Op& first = graph.op(graph.ops()[0]);
  const Op& second = graph.op(graph.ops()[1]);
  EXPECT_EQ(first.input(1), second.input(1));
  EXPECT_NE(first.input(2), second.input(2));
  EXPECT_EQ(describe(graph, first.input(2)), "b");
  EXPECT_EQ(describe(graph, second.input(2)), "b/int32:1");
}

TEST(Apply, RefusesThePlanOfAnotherModel) {
  const Model model = small_classifier();
  const QuantPlan plan = make_plan(model, made_up_stats(model.main()));
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { apply(dense_model(), plan); }),
              testing::HasSubstr("which the model does not have"));
}

}  // namespace
}  // namespace smelt
