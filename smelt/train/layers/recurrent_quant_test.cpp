#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <numeric>

#include "smelt/quantize/quantize.h"
#include "smelt/quantize/recurrent_models.h"
#include "smelt/quantize/scales.h"
#include "smelt/train/layers/recurrent.h"

namespace smelt::train {
namespace {

constexpr int32_t kSamples = 3, kTime = 5, kInputs = 4, kUnits = 6;

/// The layer of a model of one RECURRENT op, and what it needs around it.
class Recurrent {
 public:
  explicit Recurrent(RecurrentAttributes a) {
    a.return_sequences = true;
    graph_ = recurrent_layer(a, kTime, kInputs, kUnits).main();
    const Op& op = graph_.op(graph_.ops()[0]);
    LayerArguments args{.graph = graph_,
                        .op = op,
                        .name = "layer",
                        .inputs = std::vector<Operand>(8),
                        .statistics = std::vector<Statistic*>(8),
                        .outputs = {&y_},
                        .max_samples = kSamples};
    for (size_t i = 1; i < 4; ++i) {
      const Tensor& tensor = graph_.tensor(op.input(i));
      const auto values = tensor.data.as<float>();
      Parameter& w = weights.emplace_back();
      w.shape = tensor.shape;
      w.data.assign(values.begin(), values.end());
      w.grad.resize(values.size());
      args.inputs[i].parameter = &w;
    }
    x_ = {.shape = {1, kTime, kInputs}, .size = kTime * kInputs, .data = x_data.data()};
    y_ = {.shape = {1, kTime, kUnits}, .size = kTime * kUnits, .needs_grad = true};
    y_.data = y_data.data();
    y_.grad = y_grad.data();
    args.inputs[0].value = &x_;
    layer = layer_factory(OpType::recurrent)(std::move(args));
  }

  void run() {
    Workers workers(1);
    const Step step{.samples = kSamples, .workers = &workers};
    layer->forward(step);
    layer->backward(step);
  }

  std::deque<Parameter> weights;  ///< kernel, recurrent kernel, bias
  std::vector<float> x_data = random_values(kSamples * kTime * kInputs, 11);
  std::vector<float> y_data = std::vector<float>(kSamples * kTime * kUnits);
  std::vector<float> y_grad = random_values(kSamples * kTime * kUnits, 12);
  std::unique_ptr<Layer> layer;

 private:
  Graph graph_;
  Value x_, y_;
};

const RecurrentAttributes kCells[] = {{.cell = RecurrentCell::simple},
                                      {.cell = RecurrentCell::lstm},
                                      {.cell = RecurrentCell::gru},
                                      {.cell = RecurrentCell::gru, .reset_after = true}};

/// So fine that nothing changes but the last bits.
FakeQuant fine() { return {.scale = 1e-6f, .low = -20'000'000, .high = 20'000'000}; }

void expect_near(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
}

TEST(RecurrentQuant, FineStepsChangeNothing) {
  const FakeQuant q = fine();
  for (const RecurrentAttributes& a : kCells) {
    Recurrent plain(a), rounded(a);
    RecurrentQuant quant{.input_product = &q,
                         .recurrent_product = &q,
                         .sums = &q,
                         .gates = &q,
                         .candidate = &q,
                         .cell = &q,
                         .hidden = &q};
    ASSERT_TRUE(set_recurrent_quant(*rounded.layer, quant));
    plain.run();
    rounded.run();
    expect_near(rounded.y_data, plain.y_data, 1e-4f);
    for (size_t i = 0; i < 3; ++i) {
      expect_near(rounded.weights[i].grad, plain.weights[i].grad, 1e-3f);
    }
  }
}

TEST(RecurrentQuant, ResultsLieOnTheGridOfTheHiddenState) {
  const FakeQuant hidden{.scale = 1.0f / 16, .zero_point = 3, .low = -8, .high = 7};
  for (const RecurrentAttributes& a : kCells) {
    Recurrent layer(a);
    set_recurrent_quant(*layer.layer, {.hidden = &hidden});
    layer.run();
    for (const float y : layer.y_data) {
      EXPECT_EQ(y * 16, std::round(y * 16));
      EXPECT_GE(y, hidden.real_low());
      EXPECT_LE(y, hidden.real_high());
    }
  }
}

TEST(RecurrentQuant, WeightsAreThoseOfTheIntegerModel) {
  for (const RecurrentAttributes& a : kCells) {
    for (const int64_t rows : {int64_t{0}, int64_t{1}, int64_t{kUnits}}) {
      Recurrent rounded(a), given(a);
      set_recurrent_quant(*rounded.layer, {.weights = true, .rows_per_scale = rows});
      for (size_t i = 0; i < 2; ++i) {
        Parameter& w = given.weights[i];
        const int64_t width = w.shape[1];
        const int64_t group = rows == 0 ? w.size() : rows * width;
        for (int64_t first = 0; first < w.size(); first += group) {
          const std::span<float> values(w.data.data() + first, static_cast<size_t>(group));
          const Shape shape{static_cast<int32_t>(group)};
          const float scale = symmetric_scale(max_abs(values, shape, -1)[0], 127);
          const auto stored = to_int8(values, shape, Quantization::per_tensor(scale, 0));
          for (size_t k = 0; k < values.size(); ++k) {
            values[k] = scale * static_cast<float>(stored[k]);
          }
        }
      }
      rounded.run();
      given.run();
      EXPECT_EQ(rounded.y_data, given.y_data);
      for (size_t i = 0; i < 3; ++i) EXPECT_EQ(rounded.weights[i].grad, given.weights[i].grad);
    }
  }
}

TEST(RecurrentQuant, WhatIsClippedGetsNoGradient) {
  // Every state lies outside of the range, so that nothing reaches the weights.
  Parameter range{.kind = ParameterKind::range, .shape = {2}, .data = {5, 10}};
  const FakeQuant far{.scale = 0.1f, .zero_point = 0, .low = 50, .high = 100, .range = &range};
  for (const RecurrentAttributes& a : kCells) {
    Recurrent layer(a);
    set_recurrent_quant(*layer.layer, {.hidden = &far});
    range.grad = {0, 0};
    layer.run();
    for (const Parameter& w : layer.weights) {
      for (const float g : w.grad) ASSERT_EQ(g, 0.0f);
    }
    // All of it goes to the lower end instead.
    const float sum = std::accumulate(layer.y_grad.begin(), layer.y_grad.end(), 0.0f);
    EXPECT_NEAR(range.grad[0], sum, 1e-4f);
    EXPECT_EQ(range.grad[1], 0.0f);
  }
}

FakeQuant fake_quant(const Tensor& tensor) {
  const bool wide = tensor.type == DataType::int16;
  return {.scale = tensor.quantization.scale[0],
          .zero_point = static_cast<int32_t>(tensor.quantization.zero_point[0]),
          .low = wide ? -32768 : -128,
          .high = wide ? 32767 : 127};
}

TEST(RecurrentQuant, SimulatesTheIntegerLstm) {
  Recurrent layer({.cell = RecurrentCell::lstm});
  const Model model = recurrent_layer({.cell = RecurrentCell::lstm, .return_sequences = true},
                                      kTime, kInputs, kUnits);
  const DatasetPtr data = random_dataset(kSamples, {kTime, kInputs});
  const Model integer = quantize(model, data, {.recipe = scheme("int8")}).model;
  const Graph& graph = integer.main();
  const Op* op = nullptr;
  for (const OpId id : graph.ops()) {
    if (graph.op(id).type == OpType::unidirectional_sequence_lstm) op = &graph.op(id);
  }
  ASSERT_NE(op, nullptr);
  const FakeQuant x = fake_quant(graph.tensor(op->input(0)));
  const FakeQuant y = fake_quant(graph.tensor(op->output()));
  const FakeQuant cell = fake_quant(graph.tensor(op->input(19)));
  set_recurrent_quant(*layer.layer,
                      {.weights = true, .rows_per_scale = kUnits, .cell = &cell, .hidden = &y});
  const std::vector<float> expected = real_outputs(integer, data);
  fake_quantize(x, layer.x_data.data(), layer.x_data.data(),
                static_cast<int64_t>(layer.x_data.size()));
  layer.run();
  // Gates are computed in int16, so that now and then a result is the next value.
  ASSERT_EQ(expected.size(), layer.y_data.size());
  int differ = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(layer.y_data[i], expected[i], 1.01f * y.scale) << i;
    differ += std::abs(layer.y_data[i] - expected[i]) > 0.5f * y.scale ? 1 : 0;
  }
  EXPECT_LE(differ, 2);
}

}  // namespace
}  // namespace smelt::train
