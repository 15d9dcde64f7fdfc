#include "smelt/quantize/apply.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/scales.h"
#include "smelt/run/program.h"

namespace smelt {
namespace {

using testing::HasSubstr;

constexpr DataType kFloat = DataType::float32;

const OpPlan& plan_of(const QuantPlan& plan, std::string_view type) {
  for (const auto& [id, op] : plan.ops) {
    if (op.name.find(type) != std::string::npos) return op;
  }
  throw std::out_of_range(std::string(type));
}

const Quantization& scale_of(const QuantPlan& plan, std::string_view name) {
  for (const auto& [id, tensor] : plan.tensors) {
    if (tensor.name == name) return tensor.quantization;
  }
  throw std::out_of_range(std::string(name));
}

TEST(Plan, WeightsBiasesAndActivations) {
  const Model model = small_classifier();
  const Stats stats = made_up_stats(
      model.main(), {{"image", {1, 0, 2.55f}}, {"conv", {1, 0, 5.1f}}, {"mean", {1, 0.5f, 1}}});
  const QuantPlan plan = make_plan(model, stats);
  EXPECT_EQ(scale_of(plan, "image"), Quantization::per_tensor(2.55f / 255, -128));
  EXPECT_EQ(scale_of(plan, "mean"), Quantization::per_tensor(1.0f / 255, -128));
  EXPECT_EQ(scale_of(plan, "softmax"), Quantization::per_tensor(1.0f / 256, -128));

  const OpPlan& conv = plan_of(plan, "CONV_2D");
  EXPECT_EQ(conv.precision, Precision::int8);
  ASSERT_EQ(conv.operands.size(), 2u);
  const Quantization& w = conv.operands[0].as.quantization;
  const Quantization& b = conv.operands[1].as.quantization;
  EXPECT_EQ(conv.operands[0].as.type, DataType::int8);
  EXPECT_EQ(conv.operands[1].as.type, DataType::int32);
  ASSERT_EQ(w.scale.size(), 4u);
  EXPECT_EQ(w.axis, 0);
  EXPECT_EQ(w.zero_point, std::vector<int64_t>(4, 0));
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(b.scale[i], bias_scale(2.55f / 255, w.scale[i]));
}

TEST(Plan, DenseHasOneScaleUnlessAsked) {
  const Model model = small_classifier();
  const Stats stats = made_up_stats(model.main());
  EXPECT_EQ(plan_of(make_plan(model, stats), "FULLY").operands[0].as.quantization.scale.size(), 1u);
  const QuantPlan plan =
      make_plan(model, stats, {.base = {.granularity = Granularity::per_channel}});
  EXPECT_EQ(plan_of(plan, "FULLY").operands[0].as.quantization.scale.size(), 5u);
  EXPECT_EQ(plan_of(plan, "FULLY").operands[1].as.quantization.scale.size(), 5u);
}

TEST(Plan, WidensWeightScalesForLargeBiases) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  const TensorId w = b.constant<float>("w", {2, 2}, {1e-6f, 0, 0, 1});
  const TensorId bias = b.constant<float>("b", {2}, {100, 1});
  b.output(b.op(OpType::fully_connected, {x, w, bias}, FullyConnectedAttributes{}, "dense", kFloat,
                {1, 2}));
  const Model model = std::move(b).build_model();
  const QuantPlan plan = make_plan(model, made_up_stats(model.main(), {{"x", {1, -1e-5f, 1e-5f}}}),
                                   {.base = {.granularity = Granularity::per_channel}});
  const auto& operands = plan_of(plan, "FULLY").operands;
  EXPECT_GT(operands[0].as.quantization.scale[0], 1e-6f / 127 * 2);
  EXPECT_LT(100 / operands[1].as.quantization.scale[0], 1.1e9f);
}

TEST(Plan, IntegerSoftmaxCanRunWhateverTheRange) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  b.output(b.op(OpType::softmax, {x}, SoftmaxAttributes{.beta = 0.5f}, "y", kFloat, {1, 4}));
  const Model model = std::move(b).build_model();
  for (const float largest : {0.0f, 1e-9f, 1e-7f}) {
    const QuantPlan plan =
        make_plan(model, made_up_stats(model.main(), {{"x", {1, -largest, largest}}}));
    EXPECT_GT(0.5f * scale_of(plan, "x").scale[0] * (1 << 26), 1.5f) << largest;
    EXPECT_NO_THROW(Program::prepare(apply(model, plan)));
  }
}

/// Two convolutions, each of its own range, concatenated.
Model two_branches(OpType join) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 6, 6, 3});
  const TensorId a = add_conv(b, x, "a", 1);
  const TensorId c = add_conv(b, x, "c", 5);
  const bool concat = join == OpType::concatenation;
  const Attributes attributes =
      concat ? Attributes(ConcatenationAttributes{.axis = 3}) : default_attributes(join);
  b.output(b.op(join, {a, c}, attributes, "y", kFloat, {1, 6, 6, concat ? 8 : 4}));
  return std::move(b).build_model();
}

TEST(Plan, ConcatenationTiesAllToItsResult) {
  const Model model = two_branches(OpType::concatenation);
  const QuantPlan plan = make_plan(
      model, made_up_stats(model.main(), {{"a", {1, 0, 1}}, {"c", {1, 0, 4}}, {"y", {1, 0, 4}}}));
  const Quantization wanted = Quantization::per_tensor(4.0f / 255, -128);
  EXPECT_EQ(scale_of(plan, "a"), wanted);
  EXPECT_EQ(scale_of(plan, "c"), wanted);
  EXPECT_EQ(scale_of(plan, "y"), wanted);
  EXPECT_TRUE(plan_of(plan, "CONCAT").operands.empty());
}

TEST(Plan, MinimumDoesNotPayForWhatItCutsOff) {
  const Model model = two_branches(OpType::minimum);
  const QuantPlan plan = make_plan(
      model, made_up_stats(model.main(), {{"a", {1, 0, 1}}, {"c", {1, 0, 40}}, {"y", {1, 0, 1}}}));
  EXPECT_EQ(scale_of(plan, "c"), Quantization::per_tensor(1.0f / 255, -128));
}

TEST(Plan, RareValuesGetNoStepsInsideOfTheModel) {
  const Model model = small_classifier();
  std::vector<float> values(10000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 100) / 100;
  values[0] = 20;
  TensorStats seen{.count = 10000, .min = 0, .max = 20};
  seen.histogram.add(values);
  const Stats stats = made_up_stats(model.main(), {{"image", seen}, {"conv", seen}});
  const Quantization whole = asymmetric_int8(0, 20);
  const QuantPlan clipped = make_plan(model, stats);
  EXPECT_EQ(scale_of(clipped, "image"), whole) << "inputs keep their range";
  EXPECT_LT(scale_of(clipped, "conv").scale[0], whole.scale[0]);
  EXPECT_EQ(scale_of(make_plan(model, stats, {.base = {.ranges = RangeMethod::minmax}}), "conv"),
            whole);
}

TEST(Plan, MovingOpsHandScalesOnFixedOnesToo) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId s = b.op(OpType::logistic, {x}, NoAttributes{}, "s", kFloat, {1, 4});
  const TensorId shape = b.constant<int32_t>("shape", {3}, {1, 2, 2});
  const TensorId r = b.op(OpType::reshape, {s, shape}, ReshapeAttributes{}, "r", kFloat, {1, 2, 2});
  const TensorId q = b.op(OpType::reshape, {x, shape}, ReshapeAttributes{}, "q", kFloat, {1, 2, 2});
  b.output(b.op(OpType::concatenation, {r, q}, ConcatenationAttributes{.axis = 2}, "y", kFloat,
                {1, 2, 4}));
  const Model model = std::move(b).build_model();
  const QuantPlan plan = make_plan(
      model,
      made_up_stats(model.main(), {{"x", {1, -1, 3}}, {"q", {1, -1, 3}}, {"y", {1, -1, 3}}}));
  const Quantization fixed = Quantization::per_tensor(1.0f / 256, -128);
  const Quantization wide = asymmetric_int8(-1, 3);
  EXPECT_EQ(scale_of(plan, "r"), fixed);
  EXPECT_EQ(scale_of(plan, "x"), wide);
  EXPECT_EQ(scale_of(plan, "y"), wide);
  const OpPlan& concat = plan_of(plan, "CONCAT");
  ASSERT_EQ(concat.operands.size(), 1u);
  EXPECT_EQ(concat.operands[0].index, 0u);
  EXPECT_EQ(concat.operands[0].as.quantization, wide);
}

TEST(Plan, ConstantsOfTiedOpsTakeTheSharedScale) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId c = b.constant<float>("c", {1, 4}, {0, 0, 0, 5});
  b.output(
      b.op(OpType::concatenation, {x, c}, ConcatenationAttributes{.axis = 1}, "y", kFloat, {1, 8}));
  const Model model = std::move(b).build_model();
  const QuantPlan plan = make_plan(model, made_up_stats(model.main()));
  EXPECT_EQ(scale_of(plan, "x"), asymmetric_int8(-1, 5));
  EXPECT_EQ(plan_of(plan, "CONCAT").operands[0].as.quantization, asymmetric_int8(-1, 5));
}

TEST(Plan, ConstantsOfOtherOpsHaveTheirOwnRange) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId c = b.constant<float>("c", {4}, {1, 2, 3, 4});
  b.output(b.op(OpType::mul, {x, c}, FusedAttributes{}, "y", kFloat, {1, 4}));
  const Model model = std::move(b).build_model();
  const QuantPlan plan = make_plan(model, made_up_stats(model.main()));
  EXPECT_EQ(plan_of(plan, "MUL").operands[0].as.quantization, asymmetric_int8(0, 4));
}

TEST(Plan, RefusesWhatHasNoInt8FormInOneMessage) {
  GraphBuilder b;
  TensorId x = b.input("x", kFloat, {1, 4});
  x = b.op(OpType::gelu, {x}, GeluAttributes{}, "act1", kFloat, {1, 4});
  x = b.op(OpType::relu, {x}, NoAttributes{}, "act2", kFloat, {1, 4});
  x = b.op(OpType::cos, {x}, NoAttributes{}, "act3", kFloat, {1, 4});
  b.output(x);
  const Model model = std::move(b).build_model();
  const std::string message =
      message_of(ErrorKind::unsupported, [&] { make_plan(model, made_up_stats(model.main())); });
  EXPECT_THAT(message, HasSubstr("op 0 GELU (layer act1)"));
  EXPECT_THAT(message, HasSubstr("op 2 COS (layer act3)"));
  EXPECT_THAT(message, HasSubstr("Keep the layers in float"));
  EXPECT_THAT(message, testing::Not(HasSubstr("act2")));
}

TEST(Plan, RefusesTensorsNeverReached) {
  const Model model = small_classifier();
  Stats stats = made_up_stats(model.main());
  stats.tensors.erase(find_tensor(model.main(), "mean"));
  const std::string message = message_of(ErrorKind::bad_argument, [&] { make_plan(model, stats); });
  EXPECT_THAT(message, HasSubstr("mean (op 1 MEAN (layer mean)) was never computed"));
}

TEST(Plan, RefusesTrainingFormAndQuantizedModels) {
  Model model = small_classifier();
  const Stats stats = made_up_stats(model.main());
  model.main().tensor(find_tensor(model.main(), "dense")).quantization =
      Quantization::per_tensor(1, 0);
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { make_plan(model, stats); }),
              HasSubstr("dense is quantized already"));
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  b.output(b.op(OpType::dropout, {x}, DropoutAttributes{}, "drop", kFloat, {1, 4}));
  const Model training = std::move(b).build_model();
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { make_plan(training, {}); }),
              HasSubstr("op 0 DROPOUT (layer drop) is in training form"));
}

TEST(Plan, RefusesComputedConvolutionWeights) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 6, 6, 3});
  const TensorId w = b.input("w", kFloat, {4, 3, 3, 3});
  b.output(b.op(OpType::conv_2d, {x, w, TensorId::none}, Conv2DAttributes{}, "conv", kFloat,
                {1, 6, 6, 4}));
  const Model model = std::move(b).build_model();
  EXPECT_THAT(
      message_of(ErrorKind::unsupported, [&] { make_plan(model, made_up_stats(model.main())); }),
      HasSubstr("CONV_2D (layer conv): its weights are computed"));
}

TEST(Plan, OpsWithoutFloatsStay) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  const TensorId axis = b.constant<int32_t>("axis", {}, {1});
  const TensorId i =
      b.op(OpType::arg_max, {x, axis}, ArgMinMaxAttributes{.output_type = DataType::int32}, "i",
           DataType::int32, {1});
  b.output(b.op(OpType::add, {i, i}, ArithmeticAttributes{}, "twice", DataType::int32, {1}));
  const Model model = std::move(b).build_model();
  const QuantPlan plan = make_plan(model, made_up_stats(model.main()));
  EXPECT_EQ(plan_of(plan, "ARG_MAX").precision, Precision::int8);
  EXPECT_EQ(plan_of(plan, "ADD").precision, std::nullopt);
  EXPECT_EQ(plan.tensors.size(), 1u);
}

TEST(IoType, NamesBothWays) {
  EXPECT_EQ(parse_io_type("uint8"), IoType::uint8);
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [] { parse_io_type("int4"); }),
              HasSubstr("'int4'"));
}

}  // namespace
}  // namespace smelt
