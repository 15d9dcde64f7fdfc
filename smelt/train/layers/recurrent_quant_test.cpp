#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "smelt/base/random.h"
#include "smelt/ir/builder.h"
#include "smelt/quantize/scales.h"
#include "smelt/train/layers/recurrent.h"

namespace smelt::train {
namespace {

constexpr int32_t kSamples = 3, kTime = 5, kInputs = 4, kUnits = 6;

/// A recurrent layer with random weights in one graph, and what it needs around it.
class Recurrent {
 public:
  explicit Recurrent(RecurrentAttributes a) : columns_(a.gates() * kUnits) {
    a.return_sequences = true;
    GraphBuilder b;
    std::vector<TensorId> inputs(8);
    inputs[0] = b.input("x", DataType::float32, {1, kTime, kInputs});
    const Shape shapes[] = {{columns_, kInputs}, {columns_, kUnits}, {columns_}};
    for (size_t i = 0; i < 3; ++i) {
      weights.push_back({.shape = shapes[i], .data = random(shapes[i].elements())});
      weights[i].grad.resize(weights[i].data.size());
      inputs[i + 1] = b.constant<float>("w" + std::to_string(i), shapes[i], weights[i].data);
    }
    b.output(b.op(OpType::recurrent, inputs, a, "layer", DataType::float32, {1, kTime, kUnits}));
    graph_ = std::move(b).build();
    x_data = random(kSamples * kTime * kInputs);
    y_data.resize(kSamples * kTime * kUnits);
    y_grad = random(kSamples * kTime * kUnits);
    x_ = {.shape = {1, kTime, kInputs}, .size = kTime * kInputs, .data = x_data.data()};
    y_ = {.shape = {1, kTime, kUnits}, .size = kTime * kUnits, .needs_grad = true};
    y_.data = y_data.data();
    y_.grad = y_grad.data();
    LayerArguments args{.graph = graph_,
                        .op = graph_.op(graph_.ops()[0]),
                        .name = "layer",
                        .inputs = std::vector<Operand>(8),
                        .statistics = std::vector<Statistic*>(8),
                        .outputs = {&y_},
                        .max_samples = kSamples};
    args.inputs[0].value = &x_;
    for (size_t i = 0; i < 3; ++i) args.inputs[i + 1].parameter = &weights[i];
    layer = layer_factory(OpType::recurrent)(std::move(args));
  }

  void run() {
    Workers workers(1);
    const Step step{.samples = kSamples, .workers = &workers};
    layer->forward(step);
    layer->backward(step);
  }

  std::deque<Parameter> weights;
  std::vector<float> x_data, y_data, y_grad;
  std::unique_ptr<Layer> layer;

 private:
  std::vector<float> random(int64_t count) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(random_.uniform(-1, 1));
    return values;
  }

  Random random_{7};
  int32_t columns_;
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
  const FakeQuant far{.scale = 0.1f, .zero_point = 0, .low = 50, .high = 100};
  for (const RecurrentAttributes& a : kCells) {
    Recurrent layer(a);
    set_recurrent_quant(*layer.layer, {.hidden = &far});
    layer.run();
    for (const Parameter& w : layer.weights) {
      for (const float g : w.grad) ASSERT_EQ(g, 0.0f);
    }
  }
}

}  // namespace
}  // namespace smelt::train
