#include "smelt/kernels/lstm_cell.h"

#include <cmath>

#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// True where all gates' operands are there, false where none is; bad_file in between.
bool all_or_none(const PrepareArgs& args, const std::vector<size_t>& operands,
                 std::string_view what) {
  size_t present = 0;
  for (const size_t i : operands) present += args.has_input(i) ? 1 : 0;
  if (present != 0 && present != operands.size()) {
    fail(ErrorKind::bad_file, "it has {} of {} {}; all or none are needed", present,
         operands.size(), what);
  }
  return present != 0;
}

void require_vectors(const PrepareArgs& args, const std::vector<size_t>& operands, int64_t size) {
  for (const size_t i : operands) require_shape(args.input(i), {static_cast<int32_t>(size)});
}

void read_sizes(const PrepareArgs& args, LstmCell& cell) {
  const Operand& x = args.input(cell.slots.x);
  const Operand& weights = args.input(cell.slots.input[kOutputGate]);
  const Operand& recurrent = args.input(cell.slots.recurrent[kOutputGate]);
  require_rank(x, 2, 3);
  require_rank(weights, 2, 2);
  require_rank(recurrent, 1, 2);
  if (x.shape.rank() == 3) {
    cell.time = x.shape[cell.time_major ? 0 : 1];
    cell.batch = x.shape[cell.time_major ? 1 : 0];
  } else {
    cell.time = 1;
    cell.batch = x.shape[0];
    cell.time_major = true;
  }
  cell.inputs = x.shape.back();
  cell.cells = weights.shape[0];
  cell.outputs = recurrent.shape.back();
  if (cell.inputs < 1 || cell.cells < 1 || cell.outputs < 1) {
    fail(ErrorKind::bad_file, "{} and {} have shapes {} and {}; no axis may be empty", x.name,
         weights.name, to_string(x.shape), to_string(weights.shape));
  }
}

void read_optional_parts(const PrepareArgs& args, LstmCell& cell) {
  const LstmSlots& s = cell.slots;
  cell.coupled = !args.has_input(s.input[kInputGate]);
  if (cell.coupled) {
    for (const size_t i : {s.recurrent[kInputGate], s.bias[kInputGate], s.peephole[kInputGate],
                           s.norm[kInputGate]}) {
      if (args.has_input(i)) {
        fail(ErrorKind::bad_file, "{} belongs to an input gate that has no input weights",
             args.input(i).name);
      }
    }
  }
  std::vector<size_t> peephole = {s.peephole[kForgetGate], s.peephole[kOutputGate]};
  if (!cell.coupled) peephole.push_back(s.peephole[kInputGate]);
  cell.peephole = all_or_none(args, peephole, "peephole weights");
  if (cell.peephole) require_vectors(args, peephole, cell.cells);
  cell.norm = all_or_none(args, cell.of_gates(s.norm), "normalization weights");
  if (cell.norm) require_vectors(args, cell.of_gates(s.norm), cell.cells);
  cell.projection = args.has_input(s.projection);
  if (!cell.projection && args.has_input(s.projection_bias)) {
    fail(ErrorKind::bad_file, "it has a projection bias but no projection weights");
  }
  if (!cell.projection && cell.outputs != cell.cells) {
    fail(ErrorKind::bad_file, "it has {} cells but {} outputs and no projection", cell.cells,
         cell.outputs);
  }
  if (!(cell.cell_clip >= 0) || !(cell.proj_clip >= 0)) {
    fail(ErrorKind::bad_file, "it clips at {} and {}; bounds must not be negative", cell.cell_clip,
         cell.proj_clip);
  }
}

void read_auxiliary(const PrepareArgs& args, LstmCell& cell) {
  const LstmSlots& s = cell.slots;
  if (!args.has_input(s.aux)) return;
  const Operand& x = args.input(s.x);
  const Operand& aux = args.input(s.aux);
  require_same_type(x, aux);
  require_rank(aux, x.shape.rank(), x.shape.rank());
  cell.aux_inputs = aux.shape.back();
  Shape expected = x.shape;
  expected[expected.rank() - 1] = aux.shape.back();
  require_shape(aux, expected);
  if (cell.aux_inputs < 1) fail(ErrorKind::bad_file, "{} is empty", aux.name);
}

void check_result(const PrepareArgs& args, LstmCell& cell) {
  const Operand& x = args.input(cell.slots.x);
  const Operand& y = args.output(cell.slots.y);
  require_same_type(x, y);
  if (cell.y_stride == 0) cell.y_stride = cell.outputs;
  Shape expected = x.shape;
  expected[expected.rank() - 1] = static_cast<int32_t>(cell.y_stride);
  require_shape(y, expected);
}

}  // namespace

LstmSlots full_lstm_slots() {
  LstmSlots s;
  s.input = {1, 2, 3, 4};
  s.aux_input.fill(kAbsent);
  s.recurrent = {5, 6, 7, 8};
  s.peephole = {9, 10, kAbsent, 11};
  s.bias = {12, 13, 14, 15};
  s.norm = {20, 21, 22, 23};
  s.projection = 16;
  s.projection_bias = 17;
  s.output_state = 18;
  s.cell_state = 19;
  return s;
}

void read_lstm_cell(const PrepareArgs& args, LstmCell& cell) {
  read_sizes(args, cell);
  read_optional_parts(args, cell);
  read_auxiliary(args, cell);
  check_result(args, cell);
  const Operand& x = args.input(cell.slots.x);
  const bool integer = x.type != DataType::float32;
  require_state(args.input(cell.slots.output_state), cell.batch * cell.outputs, x.type);
  require_state(args.input(cell.slots.cell_state), cell.batch * cell.cells,
                integer ? DataType::int16 : DataType::float32);
  require_vectors(args, cell.of_gates(cell.slots.bias), cell.cells);
  checked_mul(checked_mul(cell.rows(), cell.cells, "values of a gate"),
              static_cast<int64_t>(kGates), "values of the gates");
}

int scale_exponent(const Operand& operand, bool exact) {
  require_per_tensor(operand);
  const float log2 = std::log(scale_of(operand)) * (1.0f / std::log(2.0f));
  const float rounded = std::round(log2);
  if (exact && !(std::abs(log2 - rounded) < 1e-3f)) {
    fail(ErrorKind::bad_file, "{} has scale {}; a power of two is needed", operand.name,
         scale_of(operand));
  }
  return static_cast<int>(rounded);
}

void require_symmetric(const Operand& weights) {
  require_per_tensor(weights);
  if (zero_of(weights) != 0) {
    fail(ErrorKind::unsupported, "{} has zero point {}; weights of integer cells must have 0",
         weights.name, zero_of(weights));
  }
}

}  // namespace smelt
