#include "smelt/quantize/recover/recover.h"

#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/quantize.h"
#include "smelt/quantize/recover/geometry.h"
#include "smelt/quantize/recover/run_error.h"
#include "smelt/run/interpreter.h"

namespace smelt {
namespace {

RecoverOptions all_layer_steps() { return {.bias = true, .round = true, .gptq = true}; }

/// Three convolutions and a dense layer that sees every position.
Model deep_model() {
  GraphBuilder b;
  TensorId x = b.input("image", DataType::float32, {1, 6, 6, 3});
  for (const char* name : {"first", "second", "third"}) x = add_conv(b, x, name, name[0]);
  const TensorId shape = b.constant<int32_t>("shape", {2}, {1, 144});
  x = b.op(OpType::reshape, {x, shape}, ReshapeAttributes{}, "flat", DataType::float32, {1, 144});
  const TensorId w = b.constant<float>("dense/w", {5, 144}, random_values(720, 3, 0.3f));
  const TensorId bias = b.constant<float>("dense/b", {5}, random_values(5, 4));
  b.output(b.op(OpType::fully_connected, {x, w, bias}, FullyConnectedAttributes{}, "dense",
                DataType::float32, {1, 5}));
  return std::move(b).build_model();
}

double output_db(const QuantizeResult& result, const DatasetPtr& data) {
  return FloatOutputs(result.float_model, *data, 1).error_db(result.model, 1);
}

QuantizeResult quantized(const Model& model, const DatasetPtr& data, const std::string& scheme_name,
                         const RecoverOptions& recover = {}) {
  QuantizeOptions options{.recipe = scheme(scheme_name), .recover = recover};
  options.recipe.base.min_weight_elements = 0;
  return quantize(model, data, options);
}

TEST(ParseRecovery, NamesStepsAllAndNone) {
  const RecoverOptions all = parse_recovery("all");
  EXPECT_TRUE(all.equalize && all.bias && all.round && all.gptq);
  EXPECT_FALSE(parse_recovery("none").layers());
  const RecoverOptions some = parse_recovery("gptq,bias");
  EXPECT_TRUE(some.gptq && some.bias && !some.round && !some.equalize);
  for (const char* text : {"", "bias,", "all,bias", "adaround"}) {
    EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { parse_recovery(text); }),
                testing::HasSubstr("equalize,bias,round,gptq"));
  }
}

/// Patches times weights against the kernel, for random windows.
TEST(LayerGeometry, PatchesTimesWeightsIsTheOp) {
  Random random(7);
  for (int round = 0; round < 60; ++round) {
    const auto below = [&](uint64_t n) { return static_cast<int32_t>(random.below(n)); };
    const int32_t h = 3 + below(5), w = 3 + below(5), c = 1 + below(3), o = c * (1 + below(2));
    const int32_t kh = 1 + below(3), kw = 1 + below(3), stride = 1 + below(2);
    const bool depthwise = below(2) == 0;
    const Padding padding = below(2) == 0 ? Padding::same : Padding::valid;
    const Shape weights_shape = depthwise ? Shape{1, kh, kw, o} : Shape{o, kh, kw, c};
    const auto out = [&](int32_t size, int32_t filter) {
      return padding == Padding::same ? (size + stride - 1) / stride : (size - filter) / stride + 1;
    };
    GraphBuilder b;
    const TensorId x = b.input("x", DataType::float32, {1, h, w, c});
    const auto values = random_values(static_cast<size_t>(weights_shape.elements()), 1);
    const TensorId weights = b.constant<float>("w", weights_shape, values);
    const OpType type = depthwise ? OpType::depthwise_conv_2d : OpType::conv_2d;
    const Attributes attributes =
        depthwise ? Attributes(DepthwiseConv2DAttributes{.padding = padding,
                                                         .stride_h = stride,
                                                         .stride_w = stride,
                                                         .depth_multiplier = o / c})
                  : Attributes(Conv2DAttributes{
                        .padding = padding, .stride_h = stride, .stride_w = stride});
    b.output(b.op(type, {x, weights, TensorId::none}, attributes, "y", DataType::float32,
                  {1, out(h, kh), out(w, kw), o}));
    const Model model = std::move(b).build_model();
    Interpreter interpreter(Program::prepare(model));
    const auto image = random_values(static_cast<size_t>(h * w * c), 2);
    std::copy(image.begin(), image.end(), interpreter.input<float>(0).begin());
    interpreter.invoke();
    const Graph& graph = model.main();
    const LayerGeometry g = *geometry_of(graph, graph.op(graph.ops()[0]));
    std::vector<float> patch(static_cast<size_t>(g.patch_size()));
    for (int64_t position = 0; position < g.positions(); ++position) {
      for (int64_t output = 0; output < g.outputs; ++output) {
        g.copy_patch(image.data(), position, g.group_of(output), patch.data());
        float sum = 0;
        for (int64_t k = 0; k < g.patch_size(); ++k) {
          sum += patch[static_cast<size_t>(k)] *
                 values[static_cast<size_t>(g.weight_index(output, k))];
        }
        const auto at = static_cast<size_t>(position * g.outputs + output);
        ASSERT_NEAR(sum, interpreter.output<float>(0)[at], 1e-5) << "round " << round;
      }
    }
  }
}

TEST(Recover, Int4WeightsComeMuchNearerToTheFloatModel) {
  const DatasetPtr data = random_dataset(64, {6, 6, 3});
  const Model model = deep_model();
  const double plain = output_db(quantized(model, data, "int4"), data);
  const QuantizeResult recovered = quantized(model, data, "int4", all_layer_steps());
  EXPECT_GT(output_db(recovered, data), plain + 1.5);
  ASSERT_EQ(recovered.recovery.size(), 5u);  // four layers and the model's output
  for (const RecoveryReport& report : recovered.recovery) {
    EXPECT_GE(report.after_db, report.before_db) << report.name;
  }
  EXPECT_FALSE(recovered.recovery.back().op);
}

TEST(Recover, EverySchemeGainsOrStays) {
  const DatasetPtr data = random_dataset(64, {6, 6, 3});
  const Model model = deep_model();
  for (const char* name : {"int8", "int16x8", "dynamic", "dynamic-int4", "weight-only-int8",
                           "weight-only-int4", "float16", "none"}) {
    SCOPED_TRACE(name);
    const double plain = output_db(quantized(model, data, name), data);
    const QuantizeResult recovered = quantized(model, data, name, all_layer_steps());
    EXPECT_GE(output_db(recovered, data), plain - 0.5);
    tflite::serialize(recovered.model);
  }
}

TEST(Recover, NothingAskedNothingChanged) {
  const DatasetPtr data = random_dataset(20, {6, 6, 3});
  const QuantizeResult plain = quantized(deep_model(), data, "int8");
  QuantPlan plan = plain.plan;
  EXPECT_TRUE(recover(plain.float_model, plan, data, {}).empty());
  EXPECT_EQ(plan, plain.plan);
}

TEST(Recover, SameBytesForAnyNumberOfThreads) {
  const DatasetPtr data = random_dataset(40, {6, 6, 3});
  const auto with = [&](int threads) {
    RecoverOptions options = parse_recovery("all");
    options.threads = threads;
    return tflite::serialize(quantized(deep_model(), data, "int4", options).model);
  };
  EXPECT_EQ(with(1), with(3));
}

/// A plan with recovered values is data: applied again it gives the same model.
TEST(Recover, PlanHoldsWhatWasChosen) {
  const DatasetPtr data = random_dataset(40, {6, 6, 3});
  const QuantizeResult result = quantized(deep_model(), data, "int4", all_layer_steps());
  EXPECT_EQ(tflite::serialize(apply(result.float_model, result.plan)),
            tflite::serialize(result.model));
}

TEST(Recover, BiasTakesTheMeanErrorOfALayer) {
  const DatasetPtr data = random_dataset(64, {6, 6, 3});
  QuantizeResult plain = quantized(deep_model(), data, "int8");
  for (auto& [id, op] : plain.plan.ops) {  // a bias that calibration got wrong
    for (OperandPlan& operand : op.operands) {
      if (operand.as.type != DataType::int32) continue;
      const Tensor& bias =
          plain.float_model.main().tensor(plain.float_model.main().op(id).input(operand.index));
      operand.values =
          Buffer::of(std::vector<int32_t>(static_cast<size_t>(bias.shape.elements()), 0));
    }
  }
  plain.model = apply(plain.float_model, plain.plan);
  const double before = output_db(plain, data);
  recover(plain.float_model, plain.plan, data, {.bias = true});
  plain.model = apply(plain.float_model, plain.plan);
  EXPECT_GT(output_db(plain, data), before + 6);
}

/// Two dense layers with the same weights, and a third that knows nothing but zeros.
TEST(Recover, SharedAndDeadWeights) {
  GraphBuilder b;
  TensorId x = b.input("x", DataType::float32, {1, 8});
  const TensorId shared = b.constant<float>("w", {8, 8}, random_values(64, 1));
  const TensorId dead = b.constant<float>("zero", {8, 8}, std::vector<float>(64, 0.0f));
  const TensorId bias = b.constant<float>("b", {8}, random_values(8, 2));
  const FullyConnectedAttributes relu{.activation = Activation::relu};
  for (const char* name : {"first", "second"}) {
    x = b.op(OpType::fully_connected, {x, shared, bias}, relu, name, DataType::float32, {1, 8});
  }
  const TensorId nothing =
      b.op(OpType::fully_connected, {x, dead, bias}, relu, "dead", DataType::float32, {1, 8});
  b.output(
      b.op(OpType::add, {x, nothing}, ArithmeticAttributes{}, "sum", DataType::float32, {1, 8}));
  const Model model = std::move(b).build_model();
  const DatasetPtr data = random_dataset(64, {8});
  for (const char* name : {"int8", "int4", "dynamic"}) {
    SCOPED_TRACE(name);
    const double plain = output_db(quantized(model, data, name), data);
    const QuantizeResult recovered = quantized(model, data, name, parse_recovery("all"));
    EXPECT_GE(output_db(recovered, data), plain - 0.5);
    std::vector<TensorId> weights;
    for (const OpId id : recovered.model.main().ops()) {
      const Op& op = recovered.model.main().op(id);
      if (op.type == OpType::fully_connected) weights.push_back(op.input(1));
    }
    ASSERT_EQ(weights.size(), 3u);
    EXPECT_EQ(weights[0], weights[1]);
  }
}

}  // namespace
}  // namespace smelt
