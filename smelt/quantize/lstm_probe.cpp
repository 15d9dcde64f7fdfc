#include "smelt/quantize/lstm_probe.h"

#include <algorithm>
#include <cmath>

namespace smelt {
namespace {

std::vector<float> vector_of(const Graph& graph, const Op& op, size_t index) {
  const Tensor* tensor = graph.constant_input(op, index);
  if (!tensor) return {};
  const std::span<const float> values = tensor->data.as<float>();
  return {values.begin(), values.end()};
}

/// Adds the transposed rows of weights [rows, columns] to `to` [columns, stride], from `first` on.
void add_transposed(const std::vector<float>& weights, int64_t columns, int64_t stride,
                    int64_t first, std::vector<float>& to) {
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto row = static_cast<int64_t>(i) / columns;
    const auto column = static_cast<int64_t>(i) % columns;
    to[static_cast<size_t>(column * stride + first + row)] = weights[i];
  }
}

void clip(std::vector<float>& values, float bound) {
  if (!(bound > 0)) return;
  for (float& value : values) value = std::clamp(value, -bound, bound);
}

/// (x - mean) / standard deviation * weights (kernels/lstm_float.cpp).
void normalize(const std::vector<float>& weights, std::span<float> values) {
  double sum = 0, squares = 0;
  for (const float v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const float v : values) squares += (v - mean) * (v - mean);
  const double inverse = 1 / std::sqrt(squares / static_cast<double>(values.size()) + 1e-8);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>((values[i] - mean) * inverse) * weights[i];
  }
}

bool is_tanh(const Op& op) {
  if (const auto* a = std::get_if<LstmAttributes>(&op.attributes)) {
    return !a->basic && a->activation == Activation::tanh;
  }
  const auto* a = std::get_if<SequenceLstmAttributes>(&op.attributes);
  return a && a->activation == Activation::tanh && !a->diagonal_recurrent_tensors;
}

/// True where the weights of all gates have the shapes of those of the output gate, and vectors a
/// value per cell.
bool shapes_fit(const Graph& graph, const Op& op) {
  const LstmSlots slots = full_lstm_slots();
  const Tensor* input = graph.constant_input(op, slots.input[kOutputGate]);
  const Tensor* recurrent = graph.constant_input(op, slots.recurrent[kOutputGate]);
  if (!input || !recurrent || input->shape.rank() != 2 || recurrent->shape.rank() != 2) {
    return false;
  }
  const int32_t cells = input->shape[0], outputs = recurrent->shape[1];
  const bool norm = static_cast<bool>(op.input(slots.norm[kForgetGate]));
  const auto fits = [&](size_t index, const Shape& shape, bool optional) {
    const Tensor* tensor = index == kAbsent ? nullptr : graph.constant_input(op, index);
    return tensor ? tensor->shape == shape : optional;
  };
  for (size_t gate = 0; gate < kGates; ++gate) {
    const bool coupled = gate == kInputGate && !op.input(slots.input[gate]);
    if (!fits(slots.input[gate], input->shape, coupled) ||
        !fits(slots.recurrent[gate], {cells, outputs}, coupled) ||
        !fits(slots.bias[gate], {cells}, coupled) ||
        !fits(slots.norm[gate], {cells}, coupled || !norm) ||
        !fits(slots.peephole[gate], {cells}, true)) {
      return false;
    }
  }
  return fits(slots.projection, {outputs, cells}, outputs == cells) &&
         fits(slots.projection_bias, {outputs}, true);
}

}  // namespace

/// One row of a batch.
struct LstmProbe::Step {
  std::vector<float> sums;  ///< of the four gates
  std::vector<float> cell_state, output_state;
};

bool LstmProbe::fits(const Graph& graph, const Op& op) {
  if (!is_tanh(op) || op.inputs.size() < 20) return false;
  const LstmSlots slots = full_lstm_slots();
  for (size_t i = 1; i < op.inputs.size(); ++i) {
    if (!op.input(i) || i == slots.output_state || i == slots.cell_state) continue;
    const Tensor* weights = graph.constant_input(op, i);
    if (!weights || weights->type != DataType::float32 || weights->sparsity) return false;
    const int64_t bytes = weights->shape.elements() * static_cast<int64_t>(sizeof(float));
    if (static_cast<int64_t>(weights->data.size()) != bytes) return false;
  }
  return shapes_fit(graph, op) && graph.tensor(op.input(0)).type == DataType::float32;
}

LstmProbe::LstmProbe(const Graph& graph, const Op& op) {
  SMELT_CHECK(fits(graph, op));
  if (const auto* a = std::get_if<LstmAttributes>(&op.attributes)) {
    cell_clip_ = a->cell_clip;
    proj_clip_ = a->proj_clip;
  } else {
    const auto& sequence = op.as<SequenceLstmAttributes>();
    cell_clip_ = sequence.cell_clip;
    proj_clip_ = sequence.proj_clip;
    time_major_ = sequence.time_major;
  }
  const LstmSlots slots = full_lstm_slots();
  const Shape& input = graph.constant_input(op, slots.input[kOutputGate])->shape;
  cells_ = input[0];
  inputs_ = input[1];
  outputs_ = graph.constant_input(op, slots.recurrent[kOutputGate])->shape[1];
  coupled_ = !op.input(slots.input[kInputGate]);
  const int64_t columns = static_cast<int64_t>(kGates) * cells_;
  input_.resize(static_cast<size_t>(inputs_ * columns));
  recurrent_.resize(static_cast<size_t>(outputs_ * columns));
  for (size_t gate = 0; gate < kGates; ++gate) {
    const int64_t first = static_cast<int64_t>(gate) * cells_;
    add_transposed(vector_of(graph, op, slots.input[gate]), inputs_, columns, first, input_);
    add_transposed(vector_of(graph, op, slots.recurrent[gate]), outputs_, columns, first,
                   recurrent_);
    bias_[gate] = vector_of(graph, op, slots.bias[gate]);
    norm_[gate] = vector_of(graph, op, slots.norm[gate]);
    if (slots.peephole[gate] != kAbsent) {
      peephole_[gate] = vector_of(graph, op, slots.peephole[gate]);
    }
  }
  const std::vector<float> projection = vector_of(graph, op, slots.projection);
  projection_.resize(projection.size());
  add_transposed(projection, cells_, outputs_, 0, projection_);
  projection_bias_ = vector_of(graph, op, slots.projection_bias);
}

/// sums += x * weights [count, sums].
void LstmProbe::multiply(const std::vector<float>& weights, const float* x, int64_t count,
                         std::vector<float>& sums) const {
  const size_t columns = sums.size();
  for (int64_t i = 0; i < count; ++i) {
    const float* row = weights.data() + static_cast<size_t>(i) * columns;
    const float factor = x[i];
    for (size_t c = 0; c < columns; ++c) sums[c] += factor * row[c];
  }
}

void LstmProbe::finish_gate(Step& step, size_t gate, LstmValues& values) const {
  const auto count = static_cast<size_t>(cells_);
  const std::span<float> sums = std::span<float>(step.sums).subspan(gate * count, count);
  for (size_t i = 0; i < peephole_[gate].size(); ++i) {
    sums[i] += peephole_[gate][i] * step.cell_state[i];
  }
  if (!norm_[gate].empty()) {
    values.sums[gate].insert(values.sums[gate].end(), sums.begin(), sums.end());
    normalize(norm_[gate], sums);
  }
  for (size_t i = 0; i < bias_[gate].size(); ++i) sums[i] += bias_[gate][i];
  for (float& v : sums) v = gate == kCellGate ? std::tanh(v) : 1 / (1 + std::exp(-v));
}

void LstmProbe::run_step(const float* x, Step& step, LstmValues& values) const {
  const auto count = static_cast<size_t>(cells_);
  std::fill(step.sums.begin(), step.sums.end(), 0.0f);
  multiply(input_, x, inputs_, step.sums);
  multiply(recurrent_, step.output_state.data(), outputs_, step.sums);
  const auto gate = [&](size_t which) { return step.sums.data() + which * count; };
  if (!coupled_) finish_gate(step, kInputGate, values);
  finish_gate(step, kForgetGate, values);
  finish_gate(step, kCellGate, values);
  for (size_t i = 0; i < count; ++i) {
    const float kept = gate(kForgetGate)[i];
    const float share = coupled_ ? 1 - kept : gate(kInputGate)[i];
    step.cell_state[i] = kept * step.cell_state[i] + share * gate(kCellGate)[i];
  }
  clip(step.cell_state, cell_clip_);
  finish_gate(step, kOutputGate, values);
  std::vector<float> hidden(count);
  for (size_t i = 0; i < count; ++i) {
    hidden[i] = gate(kOutputGate)[i] * std::tanh(step.cell_state[i]);
  }
  values.cell_state.insert(values.cell_state.end(), step.cell_state.begin(), step.cell_state.end());
  if (projection_.empty()) {
    step.output_state = std::move(hidden);
    return;
  }
  values.hidden.insert(values.hidden.end(), hidden.begin(), hidden.end());
  step.output_state = projection_bias_;
  step.output_state.resize(static_cast<size_t>(outputs_));
  multiply(projection_, hidden.data(), cells_, step.output_state);
  clip(step.output_state, proj_clip_);
}

LstmValues LstmProbe::run(std::span<const float> x, const Shape& shape) const {
  const auto rows = static_cast<int64_t>(x.size()) / std::max<int64_t>(inputs_, 1);
  const bool sequence = shape.rank() == 3;
  // A batch may hold fewer samples than its shape says; the sequences keep their length.
  const int64_t time = !sequence ? 1 : shape[time_major_ ? 0 : 1];
  const int64_t batch = time > 0 ? rows / time : 0;
  const auto state = [](int64_t count) { return std::vector<float>(static_cast<size_t>(count)); };
  LstmValues values;
  for (int64_t b = 0; b < batch; ++b) {
    Step step{state(static_cast<int64_t>(kGates) * cells_), state(cells_), state(outputs_)};
    for (int64_t t = 0; t < time; ++t) {
      const int64_t row = sequence && !time_major_ ? b * time + t : t * batch + b;
      run_step(x.data() + row * inputs_, step, values);
    }
  }
  return values;
}

}  // namespace smelt
