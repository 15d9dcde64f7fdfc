#include "smelt/quantize/debug/debug.h"

#include <cmath>

#include "smelt/quantize/apply.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/quantize.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

constexpr size_t kIn = 6, kOut = 4;

/// x [1,6] -> y [1,4], no activation.
Model dense_model() {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, kIn});
  const TensorId w = b.constant<float>("w", {kOut, kIn}, random_values(kIn * kOut, 3));
  const TensorId bias = b.constant<float>("b", {kOut}, random_values(kOut, 4));
  b.output(b.op(OpType::fully_connected, {x, w, bias}, FullyConnectedAttributes{}, "y",
                DataType::float32, {1, kOut}));
  return std::move(b).build_model();
}

using Row = std::vector<double>;

/// What the integers of a tensor make of a value: rounded half away from zero and clamped.
double rounded(double value, const Quantization& q) {
  const double stored = std::round(value / q.scale[0]) + static_cast<double>(q.zero_point[0]);
  return (std::clamp(stored, -128.0, 127.0) - static_cast<double>(q.zero_point[0])) * q.scale[0];
}

Row dense(const Row& x, const std::vector<double>& w, const std::vector<double>& b) {
  Row y(kOut);
  for (size_t o = 0; o < kOut; ++o) {
    y[o] = b[o];
    for (size_t i = 0; i < kIn; ++i) y[o] += w[o * kIn + i] * x[i];
  }
  return y;
}

double mean_square(const Row& a, const Row& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

/// The debugger's figures of dense_model, from formulas in double.
struct DenseOracle {
  double same_inputs = 0, layerwise = 0, weights = 0, activation = 0, clipping = 0, rounding = 0,
         alone_in_float = 0;

  DenseOracle(const QuantizeResult& result, const Dataset& data) {
    const Graph& f = result.float_model.main();
    const Graph& q = result.model.main();
    const Op& op = q.op(q.ops().front());
    const Quantization& in = q.tensor(op.inputs[0]).quantization;
    const Quantization& out = q.tensor(op.outputs[0]).quantization;
    const auto constant = [&](const char* name) {
      const auto values = f.tensor(find_tensor(f, name)).data.as<float>();
      return std::vector<double>(values.begin(), values.end());
    };
    const std::vector<double> w = constant("w"), b = constant("b");
    std::vector<double> stored_w, stored_b;
    const double step = q.tensor(op.inputs[1]).quantization.scale[0];
    for (const double value : w) stored_w.push_back(std::round(value / step) * step);
    for (const double value : b) {
      stored_b.push_back(std::round(value / (step * in.scale[0])) * step * in.scale[0]);
    }
    const auto samples = static_cast<double>(data.size());
    std::vector<float> read(kIn);
    for (int64_t s = 0; s < data.size(); ++s) {
      data.read(s, 0, read);
      const Row x(read.begin(), read.end());
      Row x_rounded, y_cut, y_rounded, alone, quantized;
      for (const double value : x) x_rounded.push_back(rounded(value, in));
      const Row y = dense(x, w, b);
      const double low = out.scale[0] * (-128.0 - static_cast<double>(out.zero_point[0]));
      for (const double value : y) {
        y_cut.push_back(std::clamp(value, low, low + 255 * out.scale[0]));
        y_rounded.push_back(rounded(y_cut.back(), out));
      }
      for (const double value : dense(x_rounded, stored_w, stored_b)) {
        quantized.push_back(rounded(value, out));
      }
      const Row same = dense(x_rounded, w, b);
      for (const double value : same) alone.push_back(rounded(value, out));
      same_inputs += mean_square(quantized, same) / samples;
      layerwise += mean_square(quantized, y) / samples;
      weights += mean_square(dense(x, stored_w, stored_b), y) / samples;
      activation += mean_square(same, y) / samples;
      clipping += mean_square(y_cut, y) / samples;
      rounding += mean_square(y_rounded, y_cut) / samples;
      alone_in_float += mean_square(alone, y) / samples;
    }
  }
};

TEST(Debug, AgreesWithFormulasForADenseLayer) {
  const DatasetPtr data = random_dataset(50, {kIn});
  for (const IoType io : {IoType::int8, IoType::float32}) {
    SCOPED_TRACE(name(io));
    QuantizeResult result = quantize(dense_model(), data);
    for (auto& [id, tensor] : result.plan.tensors) {
      if (tensor.name == "y") tensor.quantization = asymmetric_int8(-1.0f, 0.8f);  // cuts some off
    }
    result.model = apply(result.float_model, result.plan);
    const DenseOracle oracle(result, *data);
    result.plan.recipe.io = io;
    result.model = apply(result.float_model, result.plan);
    const DebugReport report = debug_quantization(result.float_model, result.model, data);
    ASSERT_EQ(report.layers.size(), 1u);
    const LayerReport& layer = report.layers[0];
    EXPECT_EQ(layer.layer, "y");
    EXPECT_EQ(layer.same_inputs.num_elements, 4);
    EXPECT_NEAR(layer.same_inputs.mean_squared_error, oracle.same_inputs, 1e-7);
    EXPECT_NEAR(layer.layerwise.mean_squared_error, oracle.layerwise, 1e-7);
    EXPECT_NEAR(layer.accumulated.mean_squared_error, oracle.layerwise, 1e-7);
    EXPECT_NEAR(layer.split.weights, oracle.weights, 1e-9);
    EXPECT_NEAR(layer.split.activation, oracle.activation, 1e-9);
    EXPECT_NEAR(layer.split.clipping, oracle.clipping, 1e-8);
    EXPECT_NEAR(layer.split.rounding, oracle.rounding, 1e-8);
    EXPECT_GT(oracle.clipping, 1e-4);
    EXPECT_NEAR(report.output_mse, oracle.layerwise, 1e-7);
    EXPECT_NEAR(*layer.output_mse, oracle.alone_in_float, 1e-7);
    EXPECT_NEAR(layer.range(), 1.8, 1e-6);
    EXPECT_NEAR(layer.rmse_per_scale(), std::sqrt(oracle.same_inputs) / *layer.scale, 1e-4);
  }
}

void expect_equal(const ErrorStats& a, const ErrorStats& b) {
  EXPECT_EQ(a.stddev, b.stddev);
  EXPECT_EQ(a.mean_error, b.mean_error);
  EXPECT_EQ(a.max_abs_error, b.max_abs_error);
  EXPECT_EQ(a.mean_squared_error, b.mean_squared_error);
  EXPECT_EQ(a.sqnr_db, b.sqnr_db);
}

TEST(Debug, DoesNotDependOnTheNumberOfThreads) {
  const DatasetPtr data = random_dataset(300, {6, 6, 3});
  const QuantizeResult result = quantize(small_classifier(), data);
  const auto run = [&](int threads) {
    return debug_quantization(result.float_model, result.model, data,
                              {.samples = 300, .leave_one_out = 70, .threads = threads});
  };
  const DebugReport one = run(1), three = run(3);
  ASSERT_EQ(one.layers.size(), 4u);
  EXPECT_EQ(one.leave_one_out, 70);
  EXPECT_EQ(one.output_mse, three.output_mse);
  for (size_t i = 0; i < one.layers.size(); ++i) {
    SCOPED_TRACE(one.layers[i].layer);
    expect_equal(one.layers[i].same_inputs, three.layers[i].same_inputs);
    expect_equal(one.layers[i].layerwise, three.layers[i].layerwise);
    expect_equal(one.layers[i].accumulated, three.layers[i].accumulated);
    EXPECT_EQ(one.layers[i].output_mse, three.layers[i].output_mse);
  }
}

TEST(Debug, ErrorsAddUpFromLayerToLayer) {
  const DatasetPtr data = random_dataset(60, {6, 6, 3});
  const QuantizeResult result =
      quantize(small_classifier(), data, {.recipe = {.io = IoType::float32}});
  const DebugReport report = debug_quantization(result.float_model, result.model, data);
  ASSERT_EQ(report.layers.size(), 4u);
  // What reads the model's input reads the same rounded values in both ways of running it.
  expect_equal(report.layers[0].layerwise, report.layers[0].accumulated);
  EXPECT_GT(report.layers[2].accumulated.mean_squared_error,
            report.layers[2].layerwise.mean_squared_error);
  EXPECT_NEAR(report.layers[3].accumulated.mean_squared_error, report.output_mse, 1e-9);
  EXPECT_THAT(report.unmatched, testing::IsEmpty());
}

TEST(Debug, LeavesOutLayersThatAreNotAskedFor) {
  const DatasetPtr data = random_dataset(10, {6, 6, 3});
  const QuantizeResult result = quantize(small_classifier(), data);
  const DebugReport report = debug_quantization(result.float_model, result.model, data,
                                                {.leave_one_out = 0, .layers = "^dense$|conv"});
  ASSERT_EQ(report.layers.size(), 2u);
  EXPECT_EQ(report.layers[1].layer, "dense");
  EXPECT_FALSE(report.layers[0].output_mse);
  EXPECT_THAT(
      message_of(
          ErrorKind::bad_argument,
          [&] { debug_quantization(result.float_model, result.model, data, {.layers = "("}); }),
      testing::HasSubstr("no regular expression"));
}

/// dense_model with weights stored as int8 and read by a hybrid kernel, or through DEQUANTIZE.
Model with_stored_weights(bool dequantized) {
  Model model = dense_model();
  Graph& graph = model.main();
  const OpId op = graph.ops().front();
  Tensor stored = graph.tensor(graph.op(op).inputs[1]);
  const auto values = stored.data.as<float>();
  stored.quantization = Quantization::per_tensor(symmetric_scale(1, 127), 0);
  stored.data = Buffer::of(to_int8(values, stored.shape, stored.quantization));
  stored.type = DataType::int8;
  stored.name = "w/int8";
  const TensorId weights = graph.add_tensor(std::move(stored));
  if (!dequantized) {
    graph.set_op_input(op, 1, weights);
    return model;
  }
  const TensorId floats =
      graph.add_tensor({.name = "w/float", .type = DataType::float32, .shape = {kOut, kIn}});
  graph.insert_before(op, {.type = OpType::dequantize,
                           .inputs = {weights},
                           .outputs = {floats},
                           .attributes = default_attributes(OpType::dequantize)});
  graph.set_op_input(op, 1, floats);
  return model;
}

TEST(Debug, FloatResultsAreComparedDirectly) {
  const DatasetPtr data = random_dataset(30, {kIn});
  for (const bool dequantized : {true, false}) {
    SCOPED_TRACE(dequantized ? "weights only" : "hybrid");
    const DebugReport report =
        debug_quantization(dense_model(), with_stored_weights(dequantized), data);
    ASSERT_EQ(report.layers.size(), 1u);
    const LayerReport& layer = report.layers[0];
    EXPECT_FALSE(layer.scale);
    EXPECT_EQ(layer.range(), 0);
    EXPECT_GT(layer.layerwise.sqnr_db, 25);
    EXPECT_LT(layer.layerwise.sqnr_db, 80);
    EXPECT_EQ(layer.split.clipping, 0);
    EXPECT_EQ(layer.weights->type, DataType::int8);
    if (dequantized) {
      EXPECT_NEAR(layer.split.weights, layer.layerwise.mean_squared_error, 1e-9);
      EXPECT_LT(layer.split.activation, 1e-12);
    } else {
      EXPECT_GT(layer.split.activation, 0);
    }
    EXPECT_NEAR(*layer.output_mse, 0, 1e-12);  // alone in float, the model is the float one
  }
}

}  // namespace
}  // namespace smelt
