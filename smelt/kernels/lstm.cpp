#include "smelt/kernels/lstm.h"

#include "smelt/kernels/lstm_cell.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM count 20 operands, or 24 with those of normalization.
void check_operand_count(const PrepareArgs& args) {
  const size_t count = args.inputs.size();
  if (count == 20 || count == 24) return;
  fail(ErrorKind::bad_file, "it has {} operands; 20 or 24 are needed", count);
}

Kernel lstm_of_litert(const PrepareArgs& args, const LstmCell& cell) {
  require_type(args.input(cell.slots.x), {DataType::float32, DataType::int8});
  if (args.input(cell.slots.x).type == DataType::float32) return float_lstm(args, cell);
  return args.intermediates.size() == 12 ? narrow_int_lstm(args, cell) : wide_int_lstm(args, cell);
}

/// True where TFLite Micro has a kernel: no optional part, not even absent operands of one.
bool runs_in_micro(const PrepareArgs& args, const LstmCell& cell) {
  return args.inputs.size() == 24 && !cell.coupled && !cell.peephole && !cell.norm &&
         !cell.projection && args.input(cell.slots.recurrent[kOutputGate]).shape.rank() == 2;
}

template <class Attributes>
void set_attributes(const Attributes& a, LstmCell& cell) {
  cell.activation = a.activation;
  cell.cell_clip = a.cell_clip;
  cell.proj_clip = a.proj_clip;
  cell.asymmetric = a.asymmetric_quantize_inputs;
}

/// Operands of a bidirectional op's cell whose weights start at `first`, states at `states` and
/// weights of the auxiliary input at `aux`.
LstmSlots bidirectional_slots(size_t first, size_t states, size_t aux) {
  LstmSlots s;
  for (size_t i = 0; i < kGates; ++i) {
    s.input[i] = first + i;
    s.recurrent[i] = first + 4 + i;
    s.bias[i] = first + 11 + i;
    s.aux_input[i] = aux + i;
  }
  s.peephole = {first + 8, first + 9, kAbsent, first + 10};
  s.norm.fill(kAbsent);
  s.projection = first + 15;
  s.projection_bias = first + 16;
  s.output_state = states;
  s.cell_state = states + 1;
  return s;
}

}  // namespace

Kernel prepare_lstm(const PrepareArgs& args) {
  const auto& a = attributes_of<LstmAttributes>(args);
  if (a.basic) return prepare_basic_lstm(args);
  check_operand_count(args);
  LstmCell cell{.slots = full_lstm_slots()};
  set_attributes(a, cell);
  require_rank(args.input(0), 2, 2);
  read_lstm_cell(args, cell);
  return lstm_of_litert(args, cell);
}

Kernel prepare_unidirectional_sequence_lstm(const PrepareArgs& args) {
  const auto& a = attributes_of<SequenceLstmAttributes>(args);
  check_operand_count(args);
  LstmCell cell{.slots = full_lstm_slots(), .time_major = a.time_major};
  set_attributes(a, cell);
  require_rank(args.input(0), 3, 3);
  read_lstm_cell(args, cell);
  const bool integer = args.input(0).type != DataType::float32;
  if (integer && runs_in_micro(args, cell)) {
    require_type(args.input(0), {DataType::int8, DataType::int16});
    return micro_int_lstm(args, cell);
  }
  return lstm_of_litert(args, cell);
}

Kernel prepare_bidirectional_sequence_lstm(const PrepareArgs& args) {
  const auto& a = attributes_of<BidirectionalLstmAttributes>(args);
  if (args.inputs.size() != 48) {
    fail(ErrorKind::bad_file, "it has {} operands; 48 are needed", args.inputs.size());
  }
  if (args.outputs.size() != (a.merge_outputs ? 1 : 2)) {
    fail(ErrorKind::bad_file, "it has {} results where merge_outputs is {}", args.outputs.size(),
         a.merge_outputs);
  }
  constexpr size_t kAux = 39;
  LstmCell forward{.slots = bidirectional_slots(1, 35, 40), .time_major = a.time_major};
  LstmCell backward{.slots = bidirectional_slots(18, 37, 44), .time_major = a.time_major};
  backward.reverse = true;
  set_attributes(a, forward);
  set_attributes(a, backward);
  require_rank(args.input(0), 3, 3);
  require_type(args.input(0), {DataType::float32});
  // Without weights of its own the auxiliary input is what the backward cell reads.
  if (args.has_input(forward.slots.aux_input[kForgetGate])) {
    forward.slots.aux = backward.slots.aux = kAux;
    args.input(kAux);
  } else if (args.has_input(kAux)) {
    require_same_shape(args.input(0), args.input(kAux));
    backward.slots.x = kAux;
  }
  if (a.merge_outputs) {
    const auto outputs = [&](const LstmCell& cell) {
      const Operand& weights = args.input(cell.slots.recurrent[kOutputGate]);
      require_rank(weights, 2, 2);
      return int64_t{weights.shape[1]};
    };
    backward.y_offset = outputs(forward);
    forward.y_stride = backward.y_stride = outputs(forward) + outputs(backward);
  } else {
    backward.slots.y = 1;
  }
  read_lstm_cell(args, forward);
  read_lstm_cell(args, backward);
  return in_sequence(float_lstm(args, forward), float_lstm(args, backward));
}

}  // namespace smelt
