#include <cmath>
#include <memory>

#include "smelt/kernels/gate_functions.h"
#include "smelt/kernels/lstm_cell.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

struct FloatLstm {
  LstmCell cell;
  RowProduct input, aux, recurrent, projection;
  std::array<std::vector<float>, kGates> peephole;  ///< dequantized, where the op has them
  int64_t gates_at = 0, aux_at = 0, recurrent_at = 0, hidden_at = 0, products_at = 0, bytes = 0;

  /// Where a gate's values start in a row of all gates.
  int64_t at(LstmGate gate) const {
    return static_cast<int64_t>(gate - cell.first_gate()) * cell.cells;
  }

  void plan() {
    ScratchLayout layout;
    const int64_t columns = input.columns();
    const int64_t wide = checked_mul(cell.rows(), columns, "gates of a sequence");
    gates_at = layout.add(wide, sizeof(float));
    aux_at = layout.add(cell.aux_inputs > 0 ? wide : 0, sizeof(float));
    recurrent_at = layout.add(checked_mul(cell.batch, columns, "gates"), sizeof(float));
    hidden_at = layout.add(checked_mul(cell.batch, cell.cells, "cells"), sizeof(float));
    int64_t products =
        std::max(input.scratch_bytes(cell.rows()), recurrent.scratch_bytes(cell.batch));
    if (cell.aux_inputs > 0) products = std::max(products, aux.scratch_bytes(cell.rows()));
    if (cell.projection) products = std::max(products, projection.scratch_bytes(cell.batch));
    products_at = layout.bytes;
    bytes = layout.bytes + products;
  }

  /// (x - mean) / standard deviation, times weights, plus bias (MeanStddevNormalization).
  void normalize(const InvokeArgs& args, LstmGate gate, float* values) const {
    const int64_t n = cell.cells;
    const auto* weights = args.in<float>(cell.slots.norm[gate]);
    const auto* bias = args.in<float>(cell.slots.bias[gate]);
    float sum = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) sum += values[i];
    const float mean = sum / static_cast<float>(n);
    for (int64_t i = 0; i < n; ++i) squares += (values[i] - mean) * (values[i] - mean);
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(n) + 1e-8f);
    for (int64_t i = 0; i < n; ++i) values[i] = (values[i] - mean) * inverse * weights[i] + bias[i];
  }

  void finish_gate(const InvokeArgs& args, LstmGate gate, const float* state, float* values) const {
    const float* weights = peephole[gate].data();
    if (!peephole[gate].empty()) {
      for (int64_t i = 0; i < cell.cells; ++i) values[i] += weights[i] * state[i];
    }
    if (cell.norm) normalize(args, gate, values);
    if (gate == kCellGate) {
      activate(cell.activation, values, cell.cells, values);
    } else {
      logistic(values, cell.cells, values);
    }
  }

  void update_state(const float* gates, float* state) const {
    const float* forget = gates + at(kForgetGate);
    const float* candidate = gates + at(kCellGate);
    const float* in = cell.coupled ? nullptr : gates + at(kInputGate);
    for (int64_t i = 0; i < cell.cells; ++i) {
      const float kept = forget[i] * state[i];
      state[i] = kept + candidate[i] * (in != nullptr ? in[i] : 1.0f - forget[i]);
    }
    clip(state, cell.cells, cell.cell_clip);
  }

  static void clip(float* values, int64_t count, float bound) {
    if (!(bound > 0)) return;
    for (int64_t i = 0; i < count; ++i) values[i] = std::clamp(values[i], -bound, bound);
  }

  /// One row of one step: gates holds the input's product, sums the recurrent one.
  void step(const InvokeArgs& args, float* gates, const float* sums, float* state,
            float* hidden) const {
    for (int64_t i = 0; i < input.columns(); ++i) gates[i] += sums[i];
    if (!cell.coupled) finish_gate(args, kInputGate, state, gates + at(kInputGate));
    finish_gate(args, kForgetGate, state, gates + at(kForgetGate));
    finish_gate(args, kCellGate, state, gates + at(kCellGate));
    update_state(gates, state);
    finish_gate(args, kOutputGate, state, gates + at(kOutputGate));
    activate(cell.activation, state, cell.cells, hidden);
    const float* out = gates + at(kOutputGate);
    for (int64_t i = 0; i < cell.cells; ++i) hidden[i] *= out[i];
  }

  void run(const InvokeArgs& args) const {
    auto* gates = reinterpret_cast<float*>(args.scratch + gates_at);
    auto* sums = reinterpret_cast<float*>(args.scratch + recurrent_at);
    auto* hidden = reinterpret_cast<float*>(args.scratch + hidden_at);
    std::byte* products = args.scratch + products_at;
    const int64_t columns = input.columns();
    input.run(args, args.in<float>(cell.slots.x), cell.rows(), gates, products);
    if (cell.aux_inputs > 0) {
      auto* more = reinterpret_cast<float*>(args.scratch + aux_at);
      aux.run(args, args.in<float>(cell.slots.aux), cell.rows(), more, products);
      for (int64_t i = 0; i < cell.rows() * columns; ++i) gates[i] += more[i];
    }
    float* output_state = state_of<float>(args, cell.slots.output_state);
    float* cell_state = state_of<float>(args, cell.slots.cell_state);
    float* y = args.out<float>(cell.slots.y) + cell.y_offset;
    for (int64_t t = 0; t < cell.time; ++t) {
      recurrent.run(args, output_state, cell.batch, sums, products);
      for (int64_t b = 0; b < cell.batch; ++b) {
        step(args, gates + cell.row(t, b) * columns, sums + b * columns,
             cell_state + b * cell.cells,
             (cell.projection ? hidden : output_state) + b * cell.cells);
      }
      if (cell.projection) {
        projection.run(args, hidden, cell.batch, output_state, products);
        clip(output_state, cell.batch * cell.outputs, cell.proj_clip);
      }
      for (int64_t b = 0; b < cell.batch; ++b) {
        std::copy_n(output_state + b * cell.outputs, cell.outputs,
                    y + cell.row(t, b) * cell.y_stride);
      }
    }
  }
};

/// Peephole weights as float; int8 ones have one scale.
std::vector<float> read_peephole(const Operand& weights, const Operand& input_weights) {
  require_same_type(weights, input_weights);
  if (weights.constant == nullptr) {
    fail(ErrorKind::unsupported, "peephole weights {} must be a constant", weights.name);
  }
  const int64_t count = weights.shape.elements();
  if (weights.type == DataType::float32) {
    return {weights.constant_as<float>(), weights.constant_as<float>() + count};
  }
  require_type(weights, {DataType::int8, DataType::uint8});
  require_per_tensor(weights);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(scale_of(weights) * static_cast<float>(weights.constant_as<int8_t>()[i]));
  }
  return values;
}

void require_floats(const PrepareArgs& args, const std::vector<size_t>& operands) {
  for (const size_t i : operands) require_type(args.input(i), {DataType::float32});
}

}  // namespace

Kernel float_lstm(const PrepareArgs& args, const LstmCell& cell) {
  const LstmSlots& s = cell.slots;
  auto lstm = std::make_shared<FloatLstm>();
  lstm->cell = cell;
  require_floats(args, cell.of_gates(s.bias));
  if (cell.norm) require_floats(args, cell.of_gates(s.norm));
  StackedWeights input = cell.input_weights();
  if (!cell.norm) input.biases = cell.of_gates(s.bias);
  lstm->input = RowProduct(args, std::move(input), cell.asymmetric);
  lstm->recurrent = RowProduct(args, cell.recurrent_weights(), cell.asymmetric);
  if (cell.aux_inputs > 0) {
    lstm->aux = RowProduct(args, {cell.of_gates(s.aux_input), {}, cell.cells, cell.aux_inputs},
                           cell.asymmetric);
  }
  if (cell.projection) {
    StackedWeights projection = cell.projection_weights();
    if (args.has_input(s.projection_bias)) projection.biases = {s.projection_bias};
    lstm->projection = RowProduct(args, std::move(projection), cell.asymmetric);
  }
  if (cell.peephole) {
    for (const LstmGate gate : {kInputGate, kForgetGate, kOutputGate}) {
      if (!args.has_input(s.peephole[gate])) continue;
      lstm->peephole[gate] = read_peephole(args.input(s.peephole[gate]), args.input(s.input[gate]));
    }
  }
  lstm->plan();
  return {[lstm](const InvokeArgs& run) { lstm->run(run); }, lstm->bytes};
}

}  // namespace smelt
