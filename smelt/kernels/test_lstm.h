#pragma once

#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "smelt/kernels/test_weighted.h"

namespace smelt {

// An LSTM cell in double and the op that computes it, for tests.

using Values = std::vector<float>;

/// A cell with random weights; gates in the order input, forget, cell, output.
struct TestCell {
  int32_t time = 1, batch = 1, inputs = 1, cells = 1, outputs = 1;
  bool time_major = false, coupled = false, peephole = false, norm = false, projection = false;
  float cell_clip = 0, proj_clip = 0;
  std::array<Values, 4> input, recurrent, peepholes, bias, norms;
  Values projection_weights, projection_bias;

  size_t first() const { return coupled ? 1 : 0; }
  int64_t x_values() const { return int64_t{time} * batch * inputs; }
  int64_t row(int64_t t, int64_t b) const { return time_major ? t * batch + b : b * time + t; }
  Shape lead(int32_t last) const {
    return time_major ? Shape{time, batch, last} : Shape{batch, time, last};
  }
};

inline TestCell random_cell(TestRandom& random) {
  TestCell c;
  c.time = random.between(1, 6);
  c.batch = random.between(1, 3);
  c.inputs = random.between(1, 20);
  c.cells = random.between(2, 24);
  c.time_major = random.below(2) != 0;
  c.coupled = random.below(2) != 0;
  c.peephole = random.below(2) != 0;
  c.norm = random.below(2) != 0;
  c.projection = random.below(2) != 0;
  c.outputs = c.projection ? random.between(1, 20) : c.cells;
  if (random.below(2) != 0) c.cell_clip = 0.5f;
  if (random.below(2) != 0) c.proj_clip = 0.2f;
  for (size_t g = c.first(); g < 4; ++g) {
    const float spread = 2.0f / std::sqrt(static_cast<float>(c.inputs));
    c.input[g] = random.floats(int64_t{c.cells} * c.inputs, -spread, spread);
    c.recurrent[g] = random.floats(int64_t{c.cells} * c.outputs, -0.5f, 0.5f);
    c.bias[g] = random.floats(c.cells, -0.5f, 0.5f);
    if (c.peephole && g != 2) c.peepholes[g] = random.floats(c.cells, -1, 1);
    if (c.norm) c.norms[g] = random.floats(c.cells, 0.5f, 1.5f);
  }
  if (c.projection) {
    c.projection_weights = random.floats(int64_t{c.outputs} * c.cells, -0.6f, 0.6f);
    c.projection_bias = random.floats(c.outputs, -0.2f, 0.2f);
  }
  return c;
}

/// The states of a cell and one step of it in double.
struct CellOracle {
  const TestCell& c;
  std::vector<double> output_state, cell_state;

  explicit CellOracle(const TestCell& cell)
      : c(cell),
        output_state(static_cast<size_t>(cell.batch) * cell.outputs),
        cell_state(static_cast<size_t>(cell.batch) * cell.cells) {}

  std::vector<double> gate(size_t g, const float* x, const double* h, const double* state) const {
    std::vector<double> values(static_cast<size_t>(c.cells));
    for (int64_t n = 0; n < c.cells; ++n) {
      double sum = c.norm ? 0 : c.bias[g][n];
      for (int64_t i = 0; i < c.inputs; ++i) sum += double{c.input[g][n * c.inputs + i]} * x[i];
      for (int64_t i = 0; i < c.outputs; ++i) sum += c.recurrent[g][n * c.outputs + i] * h[i];
      if (c.peephole && g != 2) sum += c.peepholes[g][n] * state[n];
      values[n] = sum;
    }
    if (c.norm) normalize(g, values);
    for (double& v : values) v = g == 2 ? std::tanh(v) : 1 / (1 + std::exp(-v));
    return values;
  }

  void normalize(size_t g, std::vector<double>& values) const {
    double mean = 0, variance = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) {
      variance += (v - mean) * (v - mean) / static_cast<double>(values.size());
    }
    for (size_t n = 0; n < values.size(); ++n) {
      values[n] = (values[n] - mean) / std::sqrt(variance + 1e-8) * c.norms[g][n] + c.bias[g][n];
    }
  }

  void step(int64_t b, const float* x, std::vector<double>& y, int64_t at) {
    double* h = output_state.data() + b * c.outputs;
    double* state = cell_state.data() + b * c.cells;
    const auto forget = gate(1, x, h, state), candidate = gate(2, x, h, state);
    const auto in = c.coupled ? std::vector<double>() : gate(0, x, h, state);
    for (int64_t n = 0; n < c.cells; ++n) {
      const double share = c.coupled ? 1 - forget[n] : in[n];
      state[n] = forget[n] * state[n] + share * candidate[n];
      if (c.cell_clip > 0) state[n] = std::clamp<double>(state[n], -c.cell_clip, c.cell_clip);
    }
    const auto out = gate(3, x, h, state);
    std::vector<double> hidden(static_cast<size_t>(c.cells));
    for (int64_t n = 0; n < c.cells; ++n) hidden[n] = out[n] * std::tanh(state[n]);
    for (int64_t o = 0; o < c.outputs; ++o) {
      double value = c.projection ? c.projection_bias[o] : hidden[o];
      for (int64_t n = 0; c.projection && n < c.cells; ++n) {
        value += c.projection_weights[o * c.cells + n] * hidden[n];
      }
      if (c.projection && c.proj_clip > 0) {
        value = std::clamp<double>(value, -c.proj_clip, c.proj_clip);
      }
      h[o] = y[at + o] = value;
    }
  }

  /// The results of a sequence; the state goes on.
  std::vector<double> run(const Values& x) {
    std::vector<double> y(static_cast<size_t>(c.time) * c.batch * c.outputs);
    for (int64_t t = 0; t < c.time; ++t) {
      for (int64_t b = 0; b < c.batch; ++b) {
        step(b, x.data() + c.row(t, b) * c.inputs, y, c.row(t, b) * c.outputs);
      }
    }
    return y;
  }
};

/// Weights as an operand; the default is a float constant.
template <class AddWeights>
void add_cell(TestOp& op, const TestCell& c, AddWeights&& weights) {
  const auto vectors = [&](const std::array<Values, 4>& values, auto&& add) {
    for (size_t g = 0; g < 4; ++g) values[g].empty() ? op.absent() : add(values[g]);
  };
  const auto floats = [&](const Values& v) -> TestOp& { return op.constant<float>({c.cells}, v); };
  vectors(c.input, [&](auto& v) -> TestOp& { return weights({c.cells, c.inputs}, v); });
  vectors(c.recurrent, [&](auto& v) -> TestOp& { return weights({c.cells, c.outputs}, v); });
  for (const size_t g : {0, 1, 3}) {
    c.peepholes[g].empty() ? op.absent() : weights({c.cells}, c.peepholes[g]);
  }
  vectors(c.bias, floats);
  if (c.projection) {
    weights({c.outputs, c.cells}, c.projection_weights);
    op.constant<float>({c.outputs}, c.projection_bias);
  } else {
    op.absent().absent();
  }
  op.variable<float>({c.batch, c.outputs}, Values(static_cast<size_t>(c.batch) * c.outputs));
  op.variable<float>({c.batch, c.cells}, Values(static_cast<size_t>(c.batch) * c.cells));
  vectors(c.norms, floats);
}

inline SequenceLstmAttributes attributes_of(const TestCell& c) {
  return {.activation = Activation::tanh,
          .cell_clip = c.cell_clip,
          .proj_clip = c.proj_clip,
          .time_major = c.time_major};
}

}  // namespace smelt
