#pragma once

#include <algorithm>
#include <cmath>
#include <memory>

#include "smelt/kernels/lstm_cell.h"

namespace smelt {

// The sequence of an integer LSTM, whichever rounding its parts use. Gates are int32 values of one
// row of all gates while they are summed, int16 in range.

/// Products of the inputs of all steps, then step by step: the recurrent products, the gates, the
/// cell state and the output state. `Rule` says how:
///   void gates(const InvokeArgs&, int32_t* sums, const int32_t* recurrent, int16_t* cell_state,
///              int16_t* hidden): updates the cell state of one row and gives output gate times
///              tanh of it as the rule represents them
///   void output(const InvokeArgs&, const int16_t* hidden, int32_t* sums, T* state): the row of the
///              output state; sums has room for it
template <class T, class Rule>
struct IntLstm {
  LstmCell cell;
  Rule rule;
  IntRowProduct input, recurrent;
  int32_t x_zero = 0, state_zero = 0;
  int64_t rows_at = 0, gates_at = 0, sums_at = 0, hidden_at = 0, output_at = 0, bytes = 0;

  void plan() {
    ScratchLayout layout;
    const int64_t longest = std::max(checked_mul(cell.rows(), input.stride(), "inputs"),
                                     checked_mul(cell.batch, recurrent.stride(), "outputs"));
    rows_at = layout.add(longest + 1, sizeof(int16_t));
    gates_at = layout.add(checked_mul(cell.rows(), input.columns(), "gates"), sizeof(int32_t));
    sums_at = layout.add(checked_mul(cell.batch, input.columns(), "gates"), sizeof(int32_t));
    hidden_at = layout.add(cell.cells + 2, sizeof(int16_t));
    output_at = layout.add(cell.outputs, sizeof(int32_t));
    bytes = layout.bytes;
  }

  /// y = product of `count` rows of values.
  void multiply(const InvokeArgs& args, const IntRowProduct& product, const T* x, int32_t zero,
                int64_t count, int64_t k, int32_t* y) const {
    auto* rows = reinterpret_cast<int16_t*>(args.scratch + rows_at);
    copy_rows(x, zero, count, k, product.stride(), rows);
    rows[count * product.stride()] = 0;
    product.run(args, rows, count, y);
  }

  void run(const InvokeArgs& args) const {
    auto* gates = reinterpret_cast<int32_t*>(args.scratch + gates_at);
    auto* sums = reinterpret_cast<int32_t*>(args.scratch + sums_at);
    auto* hidden = reinterpret_cast<int16_t*>(args.scratch + hidden_at);
    T* output_state = state_of<T>(args, cell.slots.output_state);
    auto* cell_state = state_of<int16_t>(args, cell.slots.cell_state);
    T* y = args.out<T>(cell.slots.y);
    const int64_t columns = input.columns();
    multiply(args, input, args.in<T>(cell.slots.x), x_zero, cell.rows(), cell.inputs, gates);
    for (int64_t t = 0; t < cell.time; ++t) {
      multiply(args, recurrent, output_state, state_zero, cell.batch, cell.outputs, sums);
      for (int64_t b = 0; b < cell.batch; ++b) {
        T* state = output_state + b * cell.outputs;
        rule.gates(args, gates + cell.row(t, b) * columns, sums + b * columns,
                   cell_state + b * cell.cells, hidden);
        rule.output(args, hidden, reinterpret_cast<int32_t*>(args.scratch + output_at), state);
        std::copy_n(state, cell.outputs, y + cell.row(t, b) * cell.y_stride);
      }
    }
  }
};

/// The kernel of a lstm that is complete but for its plan.
template <class T, class Rule>
Kernel int_lstm_kernel(IntLstm<T, Rule> lstm) {
  lstm.plan();
  auto shared = std::make_shared<const IntLstm<T, Rule>>(std::move(lstm));
  return {[shared](const InvokeArgs& args) { shared->run(args); }, shared->bytes};
}

/// bound / scale as a stored int16 bound, 0 where there is none.
template <class Real>
int16_t stored_clip16(float bound, float scale) {
  if (!(bound > 0)) return 0;
  const Real stored = static_cast<Real>(bound) / static_cast<Real>(scale);
  return static_cast<int16_t>(std::min<Real>(std::max<Real>(stored, -32768), 32767));
}

/// The bound of the projection as int8 stored at the result's scale, 0 where there is none.
inline int8_t stored_proj_clip(const PrepareArgs& args, const LstmCell& cell) {
  if (!(cell.proj_clip > 0)) return 0;
  const Operand& y = args.output(cell.slots.y);
  require_per_tensor(y);
  return static_cast<int8_t>(std::min(cell.proj_clip / scale_of(y), 127.0f));
}

inline void clip16(int16_t* values, int64_t count, int16_t bound) {
  if (bound <= 0) return;
  for (int64_t i = 0; i < count; ++i) {
    values[i] = std::clamp<int16_t>(values[i], static_cast<int16_t>(-bound), bound);
  }
}

}  // namespace smelt
