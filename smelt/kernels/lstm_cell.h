#pragma once

#include <array>
#include <cstdint>

#include "smelt/kernels/recurrent.h"
#include "smelt/kernels/row_product.h"

namespace smelt {

// What the kernels of LSTM ops share: where the operands of a cell are, and its sizes.

inline constexpr size_t kAbsent = SIZE_MAX;

/// Gates in the order of the operands. Without an input gate (coupled input and forget gates, CIFG)
/// the input gate is 1 - forget gate.
enum LstmGate : size_t { kInputGate, kForgetGate, kCellGate, kOutputGate, kGates };

/// Positions of a cell's operands; kAbsent where the op has no such operand at all. Those of the
/// input gate, peephole, projection, normalization and auxiliary input are optional.
struct LstmSlots {
  size_t x = 0;
  size_t aux = kAbsent;
  std::array<size_t, kGates> input;      ///< [cells, inputs]
  std::array<size_t, kGates> aux_input;  ///< [cells, aux inputs]
  std::array<size_t, kGates> recurrent;  ///< [cells, outputs], or [cells]: a diagonal matrix
  std::array<size_t, kGates> peephole;   ///< [cells]; the cell gate has none
  std::array<size_t, kGates> bias;       ///< [cells]
  std::array<size_t, kGates> norm;       ///< [cells]
  size_t projection = kAbsent;           ///< [outputs, cells]
  size_t projection_bias = kAbsent;      ///< [outputs]
  size_t output_state = 0;               ///< [batch, outputs], a variable
  size_t cell_state = 0;                 ///< [batch, cells], a variable
  size_t y = 0;                          ///< the result
};

/// Slots of LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM (kernels/lstm_shared.h).
LstmSlots full_lstm_slots();

/// A cell with its operands, sizes and attributes.
struct LstmCell {
  LstmSlots slots;
  int64_t time = 1, batch = 0, inputs = 0, aux_inputs = 0, cells = 0, outputs = 0;
  bool time_major = true;
  bool coupled = false, peephole = false, norm = false, projection = false;
  bool reverse = false;  ///< runs through the sequence from its end
  Activation activation = Activation::tanh;
  float cell_clip = 0, proj_clip = 0;
  bool asymmetric = false;
  int64_t y_stride = 0;  ///< values from one row of y to the next
  int64_t y_offset = 0;  ///< of the first value in a row

  int64_t rows() const { return time * batch; }
  size_t first_gate() const { return coupled ? kForgetGate : kInputGate; }
  int64_t gates() const { return static_cast<int64_t>(kGates - first_gate()); }
  /// Row of x and y that belongs to a step, counted in the order of computation.
  int64_t row(int64_t step, int64_t b) const {
    const int64_t t = reverse ? time - 1 - step : step;
    return time_major ? t * batch + b : b * time + t;
  }
  /// Operands of the gates that exist.
  std::vector<size_t> of_gates(const std::array<size_t, kGates>& operands) const {
    return {operands.begin() + static_cast<std::ptrdiff_t>(first_gate()), operands.end()};
  }
  StackedWeights input_weights() const { return {of_gates(slots.input), {}, cells, inputs}; }
  StackedWeights recurrent_weights() const {
    return {of_gates(slots.recurrent), {}, cells, outputs};
  }
  StackedWeights projection_weights() const { return {{slots.projection}, {}, outputs, cells}; }
};

/// Sizes from the operands, with all shapes checked but those of weights (their products do that):
/// x [time, batch, inputs], [batch, time, inputs] or [batch, inputs]; which optional parts there
/// are. bad_file where parts are missing, states are no variables, or shapes do not fit.
void read_lstm_cell(const PrepareArgs& args, LstmCell& cell);

/// Kernels of a cell over its sequence; they write y, the output state and the cell state.
/// float32 with float32 or int8 weights, as LiteRT's lstm_eval::EvalFloat and EvalHybrid.
Kernel float_lstm(const PrepareArgs& args, const LstmCell& cell);
/// int8 or int16 activations, int8 weights, int16 cell state; no optional parts. As TFLite Micro's
/// lstm_eval.h: products and sums of gates are rounded to int16, functions are interpolated.
Kernel micro_int_lstm(const PrepareArgs& args, const LstmCell& cell);
/// int8 activations and weights, int16 cell state, all optional parts; five intermediate tensors
/// hold the scales of the gates and of the hidden value. As LiteRT's EvalInteger8x8_16.
Kernel wide_int_lstm(const PrepareArgs& args, const LstmCell& cell);
/// The same with coupled gates, normalization and projection and twelve intermediate tensors, whose
/// products are rounded to int8. As LiteRT's EvalInteger8x8_8.
Kernel narrow_int_lstm(const PrepareArgs& args, const LstmCell& cell);

/// log2 of a scale, rounded (CheckedLog2); bad_file where `exact` and it is no power of two.
int scale_exponent(const Operand& operand, bool exact);

/// bad_file unless weights have one scale and zero point 0.
void require_symmetric(const Operand& weights);

}  // namespace smelt
