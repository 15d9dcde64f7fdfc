#include <memory>

#include "smelt/kernels/fixed16.h"
#include "smelt/kernels/interpolated_sigmoid.h"
#include "smelt/kernels/lstm_int.h"

namespace smelt {
namespace {

/// Gates as TFLite Micro's lstm_internal computes them: CalculateLstmGate, UpdateLstmCell,
/// UpdateLstmHidden. Gates are in 1/4096 before their function and in 1/32768 behind it.
template <class T>
struct MicroRule {
  int64_t cells = 0;
  FixedMultiplier forget, in, out;
  int32_t zero = 0;
  IntRange range;
  int tanh_shift = 0;  ///< of the cell state, to the left
  int16_t cell_clip = 0;

  static int16_t product(int16_t a, int16_t b, FixedMultiplier m) {
    return saturate16(apply_multiplier(int32_t{a} * b, m));
  }

  int16_t cell_tanh(int16_t state) const {
    if (tanh_shift >= 0) return tanh_int16(state * (3 << tanh_shift));
    return tanh_int16((state * 3 + (1 << (-tanh_shift - 1))) >> -tanh_shift);
  }

  void gates(const InvokeArgs&, int32_t* sums, const int32_t* recurrent, int16_t* state,
             int16_t* hidden) const {
    const auto argument = [&](LstmGate gate, int64_t i) {
      const int64_t at = static_cast<int64_t>(gate) * cells + i;
      return 3 * saturate16(sums[at] + recurrent[at]);
    };
    for (int64_t i = 0; i < cells; ++i) {
      const int16_t kept = product(logistic_int16(argument(kForgetGate, i)), state[i], forget);
      const int16_t added =
          product(logistic_int16(argument(kInputGate, i)), tanh_int16(argument(kCellGate, i)), in);
      state[i] = saturate16(kept + added);
    }
    clip16(state, cells, cell_clip);
    // The two factors of the output differ per row, so that the product is made here.
    for (int64_t i = 0; i < cells; ++i) {
      const int32_t value = apply_multiplier(
          int32_t{cell_tanh(state[i])} * logistic_int16(argument(kOutputGate, i)), out);
      hidden[i] = static_cast<int16_t>(clamp(wrapping_add(value, zero), range));
    }
  }

  void output(const InvokeArgs&, const int16_t* hidden, int32_t*, T* state) const {
    for (int64_t i = 0; i < cells; ++i) state[i] = static_cast<T>(hidden[i]);
  }
};

/// The multipliers of FULLY_CONNECTED from x to gates in 1/4096: scales are multiplied in float.
IntRowOptions gate_options(const PrepareArgs& args, const Operand& x, const LstmCell& cell,
                           const std::array<size_t, kGates>& weights) {
  IntRowOptions options{.range = range_of(DataType::int16), .sums64 = x.type == DataType::int16};
  for (const size_t i : cell.of_gates(weights)) {
    const Operand& w = args.input(i);
    require_per_tensor(w);
    const auto product = static_cast<double>(scale_of(x) * scale_of(w));
    const FixedMultiplier m = quantize_multiplier(product * 4096.0);
    if (options.sums64 && m.shift > 7) {
      fail(ErrorKind::bad_file, "scales of {} and {} give a gate of 2^{}; 2^7 is the limit", x.name,
           w.name, m.shift);
    }
    options.multipliers.push_back(m);
    options.zeros.push_back(zero_of(w));
  }
  return options;
}

template <class T>
Kernel micro_lstm(const PrepareArgs& args, const LstmCell& cell) {
  const Operand& x = args.input(cell.slots.x);
  const Operand& output_state = args.input(cell.slots.output_state);
  const Operand& cell_state = args.input(cell.slots.cell_state);
  for (const Operand* operand : {&x, &output_state, &cell_state}) {
    require_per_tensor(*operand);
    if (operand->type == DataType::int16 && zero_of(*operand) != 0) {
      fail(ErrorKind::bad_file, "{} is int16 and must have zero point 0", operand->name);
    }
  }
  const double cell_scale = scale_of(cell_state);
  constexpr double kUnit = 1.0 / 32768;
  IntLstm<T, MicroRule<T>> lstm{
      .cell = cell, .x_zero = zero_of(x), .state_zero = zero_of(output_state)};
  lstm.rule = {
      .cells = cell.cells,
      .forget = quantize_multiplier(kUnit * cell_scale / cell_scale),
      .in = quantize_multiplier(kUnit * kUnit / cell_scale),
      .out = quantize_multiplier(kUnit * kUnit / static_cast<double>(scale_of(output_state))),
      .zero = zero_of(output_state),
      .range = range_of(x.type),
      .tanh_shift = 12 + scale_exponent(cell_state, false),
      .cell_clip = stored_clip16<double>(cell.cell_clip, scale_of(cell_state))};
  if (lstm.rule.tanh_shift < -14 || lstm.rule.tanh_shift > 13) {
    fail(ErrorKind::unsupported, "{} has scale {}; the kernel takes 2^-26 to 2", cell_state.name,
         scale_of(cell_state));
  }
  StackedWeights input = cell.input_weights();
  input.biases = cell.of_gates(cell.slots.bias);
  lstm.input = IntRowProduct(args, std::move(input), gate_options(args, x, cell, cell.slots.input));
  lstm.recurrent = IntRowProduct(args, cell.recurrent_weights(),
                                 gate_options(args, output_state, cell, cell.slots.recurrent));
  return int_lstm_kernel(std::move(lstm));
}

}  // namespace

Kernel micro_int_lstm(const PrepareArgs& args, const LstmCell& cell) {
  if (cell.activation != Activation::tanh) {
    fail(ErrorKind::unsupported, "an integer LSTM with activation {} has no kernel; tanh has",
         name(cell.activation));
  }
  return args.input(cell.slots.x).type == DataType::int16 ? micro_lstm<int16_t>(args, cell)
                                                          : micro_lstm<int8_t>(args, cell);
}

}  // namespace smelt
