#include "smelt/kernels/recurrent_layer.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "smelt/kernels/gate_functions.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/recurrent.h"
#include "smelt/kernels/row_product.h"

namespace smelt {
namespace {

enum Input : size_t { kX, kKernel, kRecurrent, kBias, kRecurrentBias, kMask, kState, kCellState };

float softplus(float x) { return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x))); }
float hard_sigmoid(float x, float slope) { return std::clamp(slope * x + 0.5f, 0.0f, 1.0f); }

float selu(float x) {
  constexpr float kAlpha = 1.6732632423543772f;
  constexpr float kScale = 1.0507009873554805f;
  return kScale * (x > 0 ? x : kAlpha * std::expm1(x));
}

struct RecurrentLayer {
  RecurrentAttributes attributes;
  int64_t batch = 0, time = 0, inputs = 0, units = 0;
  bool masked = false;
  RowProduct input, recurrent;
  int64_t sums_at = 0, gates_at = 0, again_at = 0, reset_at = 0;
  int64_t state_at = 0, cell_at = 0, last_at = 0, products_at = 0, bytes = 0;

  int64_t columns() const { return attributes.gates() * units; }
  bool resets_before() const {
    return attributes.cell == RecurrentCell::gru && !attributes.reset_after;
  }

  void plan() {
    ScratchLayout layout;
    const int64_t rows = checked_mul(batch, time, "steps");
    sums_at = layout.add(checked_mul(rows, columns(), "gates"), sizeof(float));
    const int64_t gates = checked_mul(batch, columns(), "gates");
    gates_at = layout.add(gates, sizeof(float));
    again_at = layout.add(resets_before() ? gates : 0, sizeof(float));
    reset_at = layout.add(batch * units, sizeof(float));
    state_at = layout.add(batch * units, sizeof(float));
    cell_at = layout.add(batch * units, sizeof(float));
    last_at = layout.add(batch * units, sizeof(float));
    products_at = layout.bytes;
    bytes = layout.bytes + std::max(input.scratch_bytes(rows), recurrent.scratch_bytes(batch));
  }

  static float* at(const InvokeArgs& args, int64_t offset) {
    return reinterpret_cast<float*>(args.scratch + offset);
  }
  void gate(const float* x, float* y, int64_t count) const {
    activate(attributes.recurrent_activation, x, count, y);
  }

  void simple_step(const float* sums, float* gates, float* h) const {
    for (int64_t i = 0; i < units; ++i) h[i] = sums[i] + gates[i];
    activate(attributes.activation, h, units, h);
  }

  void lstm_step(const float* sums, float* gates, float* h, float* c) const {
    const int64_t n = units;
    for (int64_t i = 0; i < 4 * n; ++i) gates[i] += sums[i];
    gate(gates, gates, 2 * n);
    activate(attributes.activation, gates + 2 * n, n, gates + 2 * n);
    gate(gates + 3 * n, gates + 3 * n, n);
    for (int64_t i = 0; i < n; ++i) c[i] = gates[n + i] * c[i] + gates[i] * gates[2 * n + i];
    activate(attributes.activation, c, n, h);
    for (int64_t i = 0; i < n; ++i) h[i] *= gates[3 * n + i];
  }

  /// `gates` are W x + b and V h; what is left is done with the first two activated.
  void gru_step(const float* sums, float* gates, const float* candidate, float* h) const {
    const int64_t n = units;
    if (attributes.reset_after) {
      for (int64_t i = 0; i < 2 * n; ++i) gates[i] += sums[i];
      gate(gates, gates, 2 * n);
      for (int64_t i = 2 * n; i < 3 * n; ++i) gates[i] = sums[i] + gates[i - n] * gates[i];
    } else {
      for (int64_t i = 2 * n; i < 3 * n; ++i) gates[i] = sums[i] + candidate[i];
    }
    activate(attributes.activation, gates + 2 * n, n, gates + 2 * n);
    for (int64_t i = 0; i < n; ++i) {
      h[i] = gates[i] * h[i] + (1.0f - gates[i]) * gates[2 * n + i];
    }
  }

  /// Where the reset gate comes first: the gates of all samples, and the products of r h.
  void reset_first(const InvokeArgs& args, int64_t t, std::byte* products) const {
    const float* sums = at(args, sums_at) + t * columns();
    float* gates = at(args, gates_at);
    const float* h = at(args, state_at);
    float* reset = at(args, reset_at);
    const int64_t n = units;
    for (int64_t b = 0; b < batch; ++b, sums += time * columns(), gates += columns()) {
      for (int64_t i = 0; i < 2 * n; ++i) gates[i] += sums[i];
      gate(gates, gates, 2 * n);
      for (int64_t i = 0; i < n; ++i) reset[b * n + i] = gates[n + i] * h[b * n + i];
    }
    recurrent.run(args, reset, batch, at(args, again_at), products);
  }

  void step(const InvokeArgs& args, int64_t t, int64_t b) const {
    const float* sums = at(args, sums_at) + (b * time + t) * columns();
    float* gates = at(args, gates_at) + b * columns();
    float* h = at(args, state_at) + b * units;
    switch (attributes.cell) {
      case RecurrentCell::simple:
        return simple_step(sums, gates, h);
      case RecurrentCell::lstm:
        return lstm_step(sums, gates, h, at(args, cell_at) + b * units);
      case RecurrentCell::gru:
        return gru_step(sums, gates, at(args, again_at) + b * columns(), h);
    }
  }

  void run(const InvokeArgs& args) const {
    std::byte* products = args.scratch + products_at;
    const int64_t values = batch * units;
    float* h = at(args, state_at);
    float* last = at(args, last_at);
    read_state(args, kState, h);
    read_state(args, kCellState, at(args, cell_at));
    std::fill_n(last, values, 0.0f);
    input.run(args, args.in<float>(kX), batch * time, at(args, sums_at), products);
    const auto* mask = args.in<uint8_t>(kMask);
    for (int64_t s = 0; s < time; ++s) {
      const int64_t t = attributes.go_backwards ? time - 1 - s : s;
      recurrent.run(args, h, batch, at(args, gates_at), products);
      if (resets_before()) reset_first(args, t, products);
      for (int64_t b = 0; b < batch; ++b) {
        float* y = last + b * units;
        if (!masked || mask[b * time + t] != 0) {
          step(args, t, b);
          std::copy_n(h + b * units, units, y);
        } else if (attributes.zero_output_for_mask) {
          std::fill_n(y, units, 0.0f);
        }
        if (!attributes.return_sequences) continue;
        std::copy_n(y, units, args.out<float>() + (b * time + s) * units);
      }
    }
    if (!attributes.return_sequences) std::copy_n(last, values, args.out<float>());
    if (attributes.stateful) {
      std::copy_n(h, values, state_of<float>(args, kState));
      if (attributes.cell == RecurrentCell::lstm) {
        std::copy_n(at(args, cell_at), values, state_of<float>(args, kCellState));
      }
    }
  }

  void read_state(const InvokeArgs& args, size_t operand, float* to) const {
    if (operand - kState >= attributes.states() || args.in<float>(operand) == nullptr) {
      std::fill_n(to, batch * units, 0.0f);
    } else {
      std::copy_n(args.in<float>(operand), batch * units, to);
    }
  }

  void write_states(const InvokeArgs& args, size_t outputs) const {
    for (size_t i = 1; i < outputs; ++i) {
      std::copy_n(at(args, i == 1 ? state_at : cell_at), batch * units, args.out<float>(i));
    }
  }
};

void check_states(const PrepareArgs& args, const RecurrentLayer& layer) {
  const RecurrentAttributes& a = layer.attributes;
  const Shape state = {static_cast<int32_t>(layer.batch), static_cast<int32_t>(layer.units)};
  for (size_t i = 0; i < 2; ++i) {
    if (a.stateful && i < a.states()) {
      require_state(args.input(kState + i), state.elements(), DataType::float32);
    }
    if (!args.has_input(kState + i)) continue;
    require_type(args.input(kState + i), {DataType::float32});
    require_shape(args.input(kState + i), state);
  }
  if (args.outputs.size() != 1 && args.outputs.size() != 1 + a.states()) {
    fail(ErrorKind::bad_file, "it has {} results; 1 or {} are needed", args.outputs.size(),
         1 + a.states());
  }
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    require_type(args.output(i), {DataType::float32});
    Shape expected = state;
    if (i == 0 && a.return_sequences) expected = {state[0], args.input(kX).shape[1], state[1]};
    require_shape(args.output(i), expected);
  }
}

}  // namespace

void activate(CellActivation activation, const float* x, int64_t count, float* y) {
  const auto each = [&](auto f) {
    for (int64_t i = 0; i < count; ++i) y[i] = f(x[i]);
  };
  switch (activation) {
    case CellActivation::linear:
      return activate(Activation::none, x, count, y);
    case CellActivation::tanh:
      return activate(Activation::tanh, x, count, y);
    case CellActivation::sigmoid:
      return logistic(x, count, y);
    case CellActivation::hard_sigmoid:
      return each([](float v) { return hard_sigmoid(v, 0.2f); });
    case CellActivation::hard_sigmoid_6:
      return each([](float v) { return hard_sigmoid(v, 1.0f / 6); });
    case CellActivation::relu:
      return activate(Activation::relu, x, count, y);
    case CellActivation::relu6:
      return activate(Activation::relu6, x, count, y);
    case CellActivation::leaky_relu:
      return each([](float v) { return v > 0 ? v : 0.2f * v; });
    case CellActivation::elu:
      return each([](float v) { return v > 0 ? v : std::expm1(v); });
    case CellActivation::selu:
      return each(selu);
    case CellActivation::softplus:
      return each(softplus);
    case CellActivation::softsign:
      return each([](float v) { return v / (1 + std::abs(v)); });
    case CellActivation::exponential:
      return each([](float v) { return std::exp(v); });
    case CellActivation::swish:
      return each([](float v) { return v / (1 + std::exp(-v)); });
    case CellActivation::gelu:
      return each([](float v) { return 0.5f * v * (1 + std::erf(v * 0.70710678f)); });
    case CellActivation::hard_swish:
      return each([](float v) { return v * hard_sigmoid(v, 1.0f / 6); });
  }
}

Kernel prepare_recurrent(const PrepareArgs& args) {
  auto layer = std::make_shared<RecurrentLayer>();
  layer->attributes = attributes_of<RecurrentAttributes>(args);
  const Operand& x = args.input(kX);
  require_type(x, {DataType::float32});
  require_type(args.input(kKernel), {DataType::float32});
  require_type(args.input(kRecurrent), {DataType::float32});
  require_rank(x, 3, 3);
  require_rank(args.input(kRecurrent), 2, 2);
  layer->batch = x.shape[0];
  layer->time = x.shape[1];
  layer->inputs = x.shape[2];
  layer->units = args.input(kRecurrent).shape[1];
  if (layer->time < 1 || layer->inputs < 1 || layer->units < 1) {
    fail(ErrorKind::bad_file, "{} units over {} of shape {}", layer->units, x.name,
         to_string(x.shape));
  }
  const int64_t columns = layer->columns();
  const auto biases = [&](size_t operand) {
    return args.has_input(operand) ? std::vector<size_t>{operand} : std::vector<size_t>{};
  };
  layer->input = RowProduct(args, {{kKernel}, biases(kBias), columns, layer->inputs}, false);
  layer->recurrent =
      RowProduct(args, {{kRecurrent}, biases(kRecurrentBias), columns, layer->units}, false);
  if (args.has_input(kRecurrentBias) && layer->resets_before()) {
    fail(ErrorKind::bad_file, "a recurrent bias without reset_after");
  }
  layer->masked = args.has_input(kMask);
  if (layer->masked) {
    require_type(args.input(kMask), {DataType::boolean});
    require_shape(args.input(kMask), {x.shape[0], x.shape[1]});
  }
  check_states(args, *layer);
  layer->plan();
  return {[layer, outputs = args.outputs.size()](const InvokeArgs& run) {
            layer->run(run);
            layer->write_states(run, outputs);
          },
          layer->bytes};
}

}  // namespace smelt
