#include "smelt/quantize/recurrent_plan.h"

#include <map>
#include <set>

#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/quantize.h"
#include "smelt/quantize/recurrent_models.h"
#include "smelt/quantize/recurrent_stats.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

struct Difference {
  double root_mean_square = 0, largest = 0;
};

Difference difference(const std::vector<float>& a, const std::vector<float>& b) {
  Difference d;
  EXPECT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const double step = std::abs(double{a[i]} - b[i]);
    d.root_mean_square += step * step / static_cast<double>(a.size());
    d.largest = std::max(d.largest, step);
  }
  d.root_mean_square = std::sqrt(d.root_mean_square);
  return d;
}

/// What the cell gives in double for every sample of the data.
std::vector<float> oracle(const TestCell& cell, const DatasetPtr& data) {
  std::vector<float> all;
  Values x(static_cast<size_t>(cell.x_values()));
  for (int64_t i = 0; i < data->size(); ++i) {
    data->load(i, 0, x);
    const std::vector<double> y = CellOracle(cell).run(x);
    all.insert(all.end(), y.begin(), y.end());
  }
  return all;
}

const Op& only_op(const Model& model, OpType type) {
  for (const OpId id : model.main().ops()) {
    if (model.main().op(id).type == type) return model.main().op(id);
  }
  ADD_FAILURE() << "no " << name(type);
  return model.main().op(model.main().ops().front());
}

QuantizeOptions options(const std::string& which) { return {.recipe = scheme(which)}; }

DatasetPtr data_for(const TestCell& c, int32_t count = 60) {
  const Shape lead = c.lead(c.inputs);
  return random_dataset(count, {lead[1], lead[2]});
}

TEST(RecurrentPlan, IntegerLstmStaysCloseToTheCellInDouble) {
  TestRandom random(11);
  for (int i = 0; i < 12; ++i) {
    TestCell cell = plain_cell(random);
    cell.time_major = false;
    SCOPED_TRACE(testing::Message() << "cell " << i << ", " << cell.inputs << " inputs, "
                                    << cell.cells << " cells, " << cell.time << " steps");
    const DatasetPtr data = data_for(cell);
    const std::vector<float> expected = oracle(cell, data);
    const Model model = lstm_model(cell);
    const Difference int8 =
        difference(expected, real_outputs(quantize(model, data, options("int8")).model, data));
    EXPECT_LT(int8.root_mean_square, 0.01);
    EXPECT_LT(int8.largest, 0.05);
    const Difference int16 =
        difference(expected, real_outputs(quantize(model, data, options("int16x8")).model, data));
    EXPECT_LT(int16.root_mean_square, 0.005);
    EXPECT_LT(int16.largest, 0.025);
  }
}

TEST(RecurrentPlan, OptionalPartsOfLstm) {
  TestRandom random(5);
  for (int i = 0; i < 12; ++i) {
    TestCell cell = random_cell(random);
    cell.time_major = false;
    cell.batch = 1;
    // The reference reads peephole weights by the number of outputs.
    if (cell.peephole && cell.outputs > cell.cells) continue;
    if (cell.outputs < cell.cells) cell.peephole = false;
    if (!cell.peephole) cell.peepholes = {};
    SCOPED_TRACE(testing::Message()
                 << "cell " << i << " coupled " << cell.coupled << " peephole " << cell.peephole
                 << " norm " << cell.norm << " projection " << cell.projection);
    const DatasetPtr data = data_for(cell);
    const QuantizeResult result = quantize(lstm_model(cell), data, options("int8"));
    const Difference d = difference(oracle(cell, data), real_outputs(result.model, data));
    EXPECT_LT(d.root_mean_square, 0.05);
    if (!cell.coupled && !cell.peephole && !cell.norm && !cell.projection) continue;
    EXPECT_THAT(message_of(ErrorKind::unsupported,
                           [&] { quantize(lstm_model(cell), data, options("int16x8")); }),
                testing::HasSubstr("TFLite Micro's int16 kernel"));
  }
}

TEST(RecurrentPlan, ScalesOfLstm) {
  TestRandom random(3);
  TestCell cell = plain_cell(random);
  cell.time_major = false;
  cell.cell_clip = 0;
  for (float& v : cell.bias[2]) v = 3;  // the state grows by nearly 1 with each step
  for (float& v : cell.bias[1]) v = 6;
  for (float& v : cell.bias[0]) v = 6;
  cell.time = 6;
  const DatasetPtr data = data_for(cell);
  for (const bool wide : {false, true}) {
    const QuantizeResult result =
        quantize(lstm_model(cell), data, options(wide ? "int16x8" : "int8"));
    const Graph& graph = result.model.main();
    const Op& op = only_op(result.model, OpType::unidirectional_sequence_lstm);
    const auto at = [&](size_t i) -> const Tensor& { return graph.tensor(op.input(i)); };
    const Tensor& y = graph.tensor(op.output());
    const DataType type = wide ? DataType::int16 : DataType::int8;
    EXPECT_EQ(y.type, type);
    EXPECT_EQ(at(18).type, type);
    EXPECT_TRUE(at(18).is_variable);
    EXPECT_EQ(at(18).quantization, y.quantization);
    EXPECT_EQ(at(19).type, DataType::int16);
    EXPECT_EQ(at(19).quantization, Quantization::per_tensor(0x1p-12f, 0));  // 4 < |state| <= 8
    for (size_t gate = 0; gate < 4; ++gate) {
      const Tensor& weights = at(1 + gate);
      const std::vector<float> reach = max_abs(cell.input[gate], {cell.cells, cell.inputs}, -1);
      EXPECT_EQ(weights.type, DataType::int8);
      EXPECT_FLOAT_EQ(weights.quantization.scale[0], reach[0] / 127);
      EXPECT_EQ(at(12 + gate).type, wide ? DataType::int64 : DataType::int32);
      EXPECT_FLOAT_EQ(at(12 + gate).quantization.scale[0],
                      at(0).quantization.scale[0] * weights.quantization.scale[0]);
    }
    ASSERT_EQ(op.intermediates.size(), 5u);
    EXPECT_EQ(graph.tensor(op.intermediates[4]).quantization, y.quantization);
    EXPECT_EQ(graph.tensor(op.intermediates[0]).type, DataType::float32);
  }
}

/// unidirectional_sequence_lstm_calibrated.bin and _quantized.bin of LiteRT's quantizer: ranges
/// that its calibration recorded, and scales that it wrote.
TEST(RecurrentPlan, ScalesOfTheConvertersModel) {
  TestCell c{.inputs = 2, .cells = 2, .outputs = 2, .norm = true, .projection = true};
  c.time = 2;
  const Values matrix{-0.12599304f, 0.5892157f, 0.1f, 0.2f}, row{0.3001048f, 0.36855683f};
  c.input.fill(matrix);
  c.recurrent.fill(matrix);
  c.bias.fill(row);
  c.norms.fill(row);
  c.projection_weights = matrix;
  c.projection_bias = row;
  Model model = lstm_model(c);
  Graph& graph = model.main();
  EXPECT_EQ(complete_recurrent(graph), 1);
  EXPECT_EQ(complete_recurrent(graph), 0);
  const Op op = only_op(model, OpType::unidirectional_sequence_lstm);
  Stats stats = made_up_stats(graph, {{"x", {.count = 1, .max = 0.99324536f}},
                                      {"y", {.count = 1, .max = 0.5840776f}},
                                      {"cell_state", {.count = 1, .min = -1.2f, .max = 1.5f}}});
  for (size_t i = 0; i < 4; ++i) stats.tensors[op.intermediates[i]] = {1, 0.2f, 0.9126904f};
  stats.tensors[op.intermediates[4]] = {1, 0, 0.5847695f};
  const QuantPlan plan = make_plan(model, stats, scheme("int8"));
  const auto of_tensor = [&](TensorId id) { return plan.tensors.at(id).quantization; };
  EXPECT_NEAR(of_tensor(op.input(18)).scale[0], 0.0022905, 1e-7);
  EXPECT_EQ(of_tensor(op.input(18)).zero_point[0], -128);
  EXPECT_EQ(of_tensor(op.input(19)).scale[0], 6.1035156e-05f);
  EXPECT_NEAR(of_tensor(op.intermediates[1]).scale[0], 2.785395e-05, 1e-10);
  EXPECT_NEAR(of_tensor(op.intermediates[4]).scale[0], 0.00229321, 1e-7);
  const std::map<size_t, double> expected{{1, 0.00463949},     {8, 0.00463949},
                                          {12, 1.0984184e-08}, {16, 0.00463949},
                                          {17, 1.0639351e-05}, {20, 1.1247805e-05}};
  const OpPlan& planned = plan.ops.at(graph.producer(op.output()));
  for (const auto& [index, scale] : expected) {
    const auto found = std::find_if(planned.operands.begin(), planned.operands.end(),
                                    [&](const OperandPlan& o) { return o.index == index; });
    ASSERT_NE(found, planned.operands.end()) << index;
    EXPECT_NEAR(found->as.quantization.scale[0], scale, 1e-5 * scale) << index;
  }
}

TEST(RecurrentPlan, HybridCellsReadInt8WeightsAndKeepTheirStateInFloat) {
  TestRandom random(4);
  TestCell cell = plain_cell(random);
  cell.time_major = false;
  const DatasetPtr data = data_for(cell);
  QuantizeOptions how = options("dynamic");
  how.recipe.base.min_weight_elements = 0;
  const Model small = quantize(lstm_model(cell), nullptr, how).model;
  const Op& op = only_op(small, OpType::unidirectional_sequence_lstm);
  EXPECT_TRUE(op.as<SequenceLstmAttributes>().asymmetric_quantize_inputs);
  EXPECT_TRUE(op.intermediates.empty());
  for (size_t i = 1; i <= 8; ++i) {
    EXPECT_EQ(small.main().tensor(op.input(i)).type, DataType::int8) << i;
  }
  for (const size_t i : {0, 12, 15, 18, 19}) {
    EXPECT_EQ(small.main().tensor(op.input(i)).type, DataType::float32) << i;
  }
  EXPECT_LT(difference(oracle(cell, data), real_outputs(small, data)).root_mean_square, 0.01);

  const Model svdf = quantize(svdf_model(true, Activation::relu), nullptr, how).model;
  EXPECT_EQ(svdf.main().tensor(only_op(svdf, OpType::svdf).input(2)).type, DataType::int8);
}

TEST(RecurrentPlan, Svdf) {
  const DatasetPtr data = random_dataset(60, {4});
  for (const bool bias : {false, true}) {
    for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6}) {
      SCOPED_TRACE(testing::Message() << "bias " << bias << ", " << name(activation));
      const Model model = svdf_model(bias, activation);
      const QuantizeResult result = quantize(model, data, options("int8"));
      const Difference d = difference(real_outputs(model, data), real_outputs(result.model, data));
      const Graph& graph = result.model.main();
      EXPECT_LT(d.largest, 2 * graph.tensor(graph.outputs()[0]).quantization.scale[0]);
      const Op& op = only_op(result.model, OpType::svdf);
      const auto scale = [&](size_t i) { return graph.tensor(op.input(i)).quantization.scale[0]; };
      EXPECT_EQ(graph.tensor(op.input(2)).type, DataType::int16);
      EXPECT_EQ(graph.tensor(op.input(4)).type, DataType::int16);
      EXPECT_EQ(graph.tensor(op.input(3)).type, DataType::int32);
      EXPECT_FLOAT_EQ(scale(3), scale(2) * scale(4));
    }
  }
  const std::string message = message_of(ErrorKind::unsupported, [&] {
    quantize(svdf_model(true, Activation::tanh), data, options("int8"));
  });
  EXPECT_THAT(message, testing::HasSubstr("its int8 kernel has no activation tanh"));
}

TEST(RecurrentPlan, SvdfIsCalibratedOnTheStreamOfSamples) {
  const DatasetPtr data = random_dataset(60, {4});
  const Model model = svdf_model(true, Activation::none);
  const Stats stats = calibrate(model, data);
  Interpreter interpreter(Program::prepare(model));
  const SampleLoader load(model.main(), *data);
  float low = 0, high = 0;
  for (int64_t i = 0; i < data->size(); ++i) {
    load(i, SampleInputs(interpreter, 0));
    interpreter.invoke();
    for (const float y : interpreter.output<float>(0)) {
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  const TensorStats& y = stats.tensors.at(model.main().outputs()[0]);
  EXPECT_FLOAT_EQ(y.min, low);
  EXPECT_FLOAT_EQ(y.max, high);
}

TEST(RecurrentPlan, TimeWeightsOfLongMemoryLeaveRoomForTheirSum) {
  GraphBuilder b;
  constexpr int32_t kMemory = 400;
  const TensorId x = b.input("x", DataType::float32, {1, 2});
  const std::vector<float> ones(kMemory, 1.0f);
  b.output(b.op(OpType::svdf,
                {x, b.constant<float>("feature", {1, 2}, {1, 1}),
                 b.constant<float>("time", {1, kMemory}, ones), b.constant<float>("bias", {1}, {0}),
                 add_state(b, "state", {1, kMemory})},
                SvdfAttributes{.rank = 1, .activation = Activation::relu}, "y", DataType::float32,
                {1, 1}));
  const Model model = std::move(b).build_model();
  const Model small = quantize(model, random_dataset(20, {2}), options("int8")).model;
  const Op& op = only_op(small, OpType::svdf);
  int64_t sum = 0;
  for (const int16_t w : small.main().tensor(op.input(2)).data.as<int16_t>()) sum += w;
  EXPECT_GT(sum, 30000);
  EXPECT_LE(sum * 32767, int64_t{1} << 31);
}

TEST(RecurrentPlan, SavedFileIsTheModel) {
  TestRandom random(9);
  TestCell cell = plain_cell(random);
  cell.time_major = false;
  const DatasetPtr data = data_for(cell);
  for (const char* which : {"int8", "int16x8", "dynamic"}) {
    const Model model = quantize(lstm_model(cell), data, options(which)).model;
    const auto bytes = std::make_shared<std::vector<uint8_t>>(tflite::serialize(model));
    EXPECT_EQ(real_outputs(model, data), real_outputs(tflite::parse(*bytes, bytes), data)) << which;
  }
}

TEST(RecurrentPlan, SameBytesForAnyNumberOfThreads) {
  TestRandom random(9);
  TestCell cell = plain_cell(random);
  cell.time_major = false;
  const auto with = [&](int threads) {
    QuantizeOptions how = options("int8");
    how.calibrate.threads = threads;
    return tflite::serialize(quantize(lstm_model(cell), data_for(cell), how).model);
  };
  EXPECT_EQ(with(1), with(3));
}

TEST(RecurrentPlan, LayersWithoutAFusedOpAreUnrolled) {
  constexpr int32_t kTime = 30;  // a GRU of more than 23 steps would become a loop
  const DatasetPtr data = random_dataset(60, {kTime, 3});
  RecurrentAttributes gru{.cell = RecurrentCell::gru, .reset_after = true};
  RecurrentAttributes simple{.cell = RecurrentCell::simple, .return_sequences = true};
  for (const RecurrentAttributes& a : {gru, simple}) {
    SCOPED_TRACE(name(a.cell));
    for (const char* which : {"int8", "int16x8", "dynamic"}) {
      const QuantizeResult result = quantize(recurrent_layer(a, kTime, 3, 6), data, options(which));
      EXPECT_EQ(result.float_model.graphs.size(), 1u);
      const Difference d =
          difference(real_outputs(result.float_model, data), real_outputs(result.model, data));
      EXPECT_LT(d.root_mean_square, 0.05) << which;
    }
  }
}

TEST(RecurrentPlan, StepsOfAnUnrolledLayerShareScalesAndBiases) {
  const DatasetPtr data = random_dataset(60, {30, 3});
  const RecurrentAttributes gru{.cell = RecurrentCell::gru, .reset_after = true};
  const QuantizeResult result = quantize(recurrent_layer(gru, 30, 3, 6), data, options("int8"));
  const Graph& graph = result.model.main();
  std::map<TensorId, std::set<std::vector<float>>> scales_by_weights;
  std::map<TensorId, int> readers;
  std::set<TensorId> biases;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type != OpType::fully_connected) continue;
    std::vector<float> scales = graph.tensor(op.input(0)).quantization.scale;
    scales.push_back(graph.tensor(op.output()).quantization.scale[0]);
    scales_by_weights[op.input(1)].insert(scales);
    ++readers[op.input(1)];
    if (op.input(2)) biases.insert(op.input(2));
  }
  // Two products of the whole sequence, two of each step's state but the first, which is 0.
  EXPECT_EQ(readers.size(), 4u);
  for (const auto& [weights, scales] : scales_by_weights) EXPECT_EQ(scales.size(), 1u);
  EXPECT_LE(biases.size(), 4u);
}

TEST(RecurrentPlan, LongSequencesAreUnrolledOrRefusedWithTheCure) {
  const RecurrentAttributes gru{.cell = RecurrentCell::gru};
  const std::string message = message_of(ErrorKind::unsupported, [&] {
    Model model = recurrent_layer(gru, 20'000, 1, 2);
    prepare_for_quantization(model, scheme("int8"));
  });
  EXPECT_THAT(message, testing::HasSubstr("20000 steps are too many to unroll; shorten"));
  Model loop = recurrent_layer(gru, 40, 3, 4);
  const Preparation done = prepare_for_quantization(loop, scheme("int8"));
  EXPECT_EQ(loop.graphs.size(), 1u);
  ASSERT_EQ(done.unrolled.size(), 1u);
  EXPECT_EQ(done.unrolled[0].steps, 40);
  EXPECT_GT(done.unrolled[0].ops, 300);
}

}  // namespace
}  // namespace smelt
