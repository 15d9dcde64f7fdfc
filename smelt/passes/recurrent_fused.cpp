#include <algorithm>

#include "smelt/passes/recurrent_forms.h"

namespace smelt {
namespace {

constexpr size_t kGates = 4;

bool is_zero(const Graph& graph, TensorId id) {
  if (!id) return true;
  const Tensor& tensor = graph.tensor(id);
  if (!tensor.is_constant || tensor.type != DataType::float32 || tensor.sparsity) return false;
  return std::ranges::all_of(tensor.data.as<float>(), [](float v) { return v == 0; });
}

/// The rows of one gate.
TensorId gate_rows(OpEmitter& emit, const char* role, std::span<const float> values, size_t gate,
                   Shape shape) {
  const auto count = static_cast<size_t>(shape.elements());
  const auto rows = values.subspan(gate * count, count);
  return emit.constant<float>(role, std::move(shape), {rows.begin(), rows.end()});
}

TensorId state(OpEmitter& emit, const RecurrentLayer& layer, size_t i) {
  if (layer.attributes.stateful) return layer.initial(i);
  Tensor tensor{.name = i == 0 ? "output_state" : "cell_state", .shape = layer.state_shape()};
  tensor.is_variable = true;
  return emit.add(std::move(tensor));
}

/// The 24 operands in the order of the TFLite kernel: weights of the input and of the previous
/// output, three peephole vectors, biases, projection (2), states (2), layer normalization (4).
std::vector<TensorId> operands(OpEmitter& emit, const RecurrentLayer& layer, TensorId x) {
  std::vector<TensorId> inputs{x};
  for (size_t g = 0; g < kGates; ++g) {
    inputs.push_back(gate_rows(emit, "kernel", layer.kernel, g, {layer.units, layer.inputs}));
  }
  for (size_t g = 0; g < kGates; ++g) {
    inputs.push_back(
        gate_rows(emit, "recurrent_kernel", layer.recurrent, g, {layer.units, layer.units}));
  }
  inputs.resize(12, TensorId::none);
  const std::vector<float> zeros(kGates * static_cast<size_t>(layer.units));
  const std::span<const float> bias = layer.bias.empty() ? zeros : layer.bias;
  for (size_t g = 0; g < kGates; ++g) {
    inputs.push_back(gate_rows(emit, "bias", bias, g, {layer.units}));
  }
  inputs.resize(18, TensorId::none);
  for (size_t i = 0; i < 2; ++i) inputs.push_back(state(emit, layer, i));
  inputs.resize(24, TensorId::none);
  return inputs;
}

}  // namespace

bool can_fuse(const Graph& graph, const RecurrentLayer& layer) {
  const RecurrentAttributes& a = layer.attributes;
  if (a.cell != RecurrentCell::lstm || a.activation != CellActivation::tanh ||
      a.recurrent_activation != CellActivation::sigmoid || layer.mask()) {
    return false;
  }
  if (layer.result(graph, 2) || !layer.recurrent_bias.empty()) return false;
  return a.stateful || (is_zero(graph, layer.initial(0)) && is_zero(graph, layer.initial(1)));
}

RecurrentValues emit_fused(OpEmitter& emit, const RecurrentLayer& layer) {
  TensorId x = layer.op.input(0);
  if (layer.attributes.go_backwards) {
    const Shape shape = emit.shape(x);
    x = emit.op(OpType::reverse_v2, {x, emit.ints({1})}, NoAttributes{}, shape);
  }
  // The clip is what TFLite's converter writes; it also bounds the state's scale in integers.
  const SequenceLstmAttributes attributes{.activation = Activation::tanh, .cell_clip = 10.0f};
  const TensorId sequence = emit.op(OpType::unidirectional_sequence_lstm, operands(emit, layer, x),
                                    attributes, {layer.batch, layer.time, layer.units});
  const bool all = layer.attributes.return_sequences;
  const bool wants_last = layer.result(emit.graph(), all ? 1 : 0) || layer.result(emit.graph(), 1);
  const TensorId last = wants_last ? emit.last_step(sequence) : TensorId::none;
  return {all ? sequence : last, last, TensorId::none};
}

}  // namespace smelt
