#include "smelt/kernels/lstm_cell.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/recurrent_layer.h"

namespace smelt::train {
namespace {

CellActivation cell_activation(const LayerArguments& args, Activation activation) {
  switch (activation) {
    case Activation::none:
      return CellActivation::linear;
    case Activation::relu:
      return CellActivation::relu;
    case Activation::relu6:
      return CellActivation::relu6;
    case Activation::tanh:
      return CellActivation::tanh;
    default:
      refuse(args, fmt::format("its activation is {}", smelt::name(activation)));
  }
}

/// A variable starts every batch with zeros.
Operand state_operand(const LayerArguments& args, size_t index) {
  const TensorId id = args.op.input(index);
  if (!id || args.graph.tensor(id).is_variable) return {};
  return args.input(index);
}

/// Operands that all gates have; `kind` names them in errors.
std::vector<Operand> of_gates(const LayerArguments& args, const std::array<size_t, kGates>& slots,
                              std::string_view kind) {
  std::vector<Operand> operands;
  for (const size_t slot : slots) {
    if (!args.input(slot)) refuse(args, fmt::format("not every gate has a {}", kind));
    operands.push_back(args.input(slot));
  }
  return operands;
}

void require_plain_cell(const LayerArguments& args, const LstmSlots& slots) {
  std::vector<size_t> special = {slots.projection, slots.projection_bias};
  special.insert(special.end(), slots.peephole.begin(), slots.peephole.end());
  special.insert(special.end(), slots.norm.begin(), slots.norm.end());
  for (const size_t slot : special) {
    if (slot == kAbsent || !args.op.input(slot)) continue;
    refuse(args, "it has peephole weights, a projection or layer normalization");
  }
}

Value* output(const LayerArguments& args, size_t i) {
  return i < args.outputs.size() ? args.outputs[i] : nullptr;
}

/// The sizes of a sequence op with x [N,T,I], or [T,N,I] where time comes first.
void set_sizes(const LayerArguments& args, bool time_major, RecurrentLayerOptions& options) {
  if (options.x.shared()) refuse(args, "its input is constant");
  const Shape& x = options.x.shape();
  if (time_major && x[1] != 1) refuse(args, "a sample holds several sequences, time first");
  options.sequences = time_major ? 1 : x[0];
  options.time = time_major ? x[0] : x[1];
  options.inputs = x[2];
  options.units = options.recurrent[0].shape()[1];
}

}  // namespace

std::unique_ptr<Layer> make_recurrent(LayerArguments args) {
  RecurrentLayerOptions options{.attributes = args.op.as<RecurrentAttributes>(),
                                .x = args.input(0),
                                .kernel = {args.input(1)},
                                .recurrent = {args.input(2)},
                                .recurrent_bias = args.input(4),
                                .mask = args.input(5),
                                .h = state_operand(args, 6),
                                .c = state_operand(args, 7),
                                .y = output(args, 0),
                                .h_final = output(args, 1),
                                .c_final = output(args, 2),
                                .max_samples = args.max_samples};
  if (args.input(3)) options.bias = {args.input(3)};
  if (args.op.input(5) && !options.mask) refuse(args, "its mask is constant");
  set_sizes(args, false, options);
  return std::make_unique<RecurrentLayer>(std::move(args.name), std::move(options));
}

std::unique_ptr<Layer> make_sequence_rnn(LayerArguments args) {
  const auto& a = args.op.as<SequenceRnnAttributes>();
  RecurrentLayerOptions options{.attributes = {.cell = RecurrentCell::simple,
                                               .activation = cell_activation(args, a.activation),
                                               .return_sequences = true},
                                .x = args.input(0),
                                .kernel = {args.input(1)},
                                .recurrent = {args.input(2)},
                                .bias = {args.input(3)},
                                .h = state_operand(args, 4),
                                .y = output(args, 0),
                                .max_samples = args.max_samples};
  set_sizes(args, a.time_major, options);
  return std::make_unique<RecurrentLayer>(std::move(args.name), std::move(options));
}

std::unique_ptr<Layer> make_sequence_lstm(LayerArguments args) {
  const auto& a = args.op.as<SequenceLstmAttributes>();
  const LstmSlots slots = full_lstm_slots();
  require_plain_cell(args, slots);
  if (a.diagonal_recurrent_tensors) refuse(args, "its recurrent weights are diagonal");
  RecurrentLayerOptions options{.attributes = {.cell = RecurrentCell::lstm,
                                               .activation = cell_activation(args, a.activation),
                                               .return_sequences = true},
                                .cell_clip = a.cell_clip,
                                .x = args.input(slots.x),
                                .kernel = of_gates(args, slots.input, "kernel"),
                                .recurrent = of_gates(args, slots.recurrent, "recurrent kernel"),
                                .bias = of_gates(args, slots.bias, "bias"),
                                .h = state_operand(args, slots.output_state),
                                .c = state_operand(args, slots.cell_state),
                                .y = output(args, slots.y),
                                .max_samples = args.max_samples};
  set_sizes(args, a.time_major, options);
  return std::make_unique<RecurrentLayer>(std::move(args.name), std::move(options));
}

}  // namespace smelt::train
