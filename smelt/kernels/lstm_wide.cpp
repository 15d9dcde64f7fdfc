#include <cmath>
#include <memory>

#include "smelt/kernels/fixed16.h"
#include "smelt/kernels/fixed_point_math.h"
#include "smelt/kernels/lstm_int.h"

namespace smelt {
namespace {

int16_t logistic16(int16_t value) { return fixed_logistic(Fixed16<3>{value}).raw; }

template <int I>
void tanh16(const int16_t* x, int64_t count, int16_t* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = fixed_tanh(Fixed16<I>{x[i]}).raw;
}

using Tanh16 = void (*)(const int16_t* x, int64_t count, int16_t* y);

/// tanh of a cell state with so many integer bits (PortableApplyTanh).
Tanh16 tanh_of_bits(int bits) {
  constexpr Tanh16 kTable[] = {tanh16<0>, tanh16<1>, tanh16<2>, tanh16<3>,
                               tanh16<4>, tanh16<5>, tanh16<6>};
  return kTable[bits];
}

struct Normalization {
  FixedMultiplier scale;  ///< of the weights, times 2^12
  int32_t variance_guard = 1;
};

/// Layer normalization in integers (PortableApplyLayerNorm): values and the mean in 1/1024.
void normalize(const Normalization& norm, const int16_t* weights, const int32_t* bias, int64_t n,
               int16_t* values) {
  int64_t sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += values[i];
    squares += int32_t{values[i]} * values[i];
  }
  const auto mean = static_cast<int32_t>(sum * 1024 / n);
  const auto per_value = static_cast<int32_t>((1 << 20) / n);
  const int64_t variance = squares * per_value - int64_t{mean} * mean;
  auto reduced = static_cast<int32_t>(variance / (1 << 20));
  if (reduced < 1) reduced = norm.variance_guard;
  const FixedMultiplier inverse = inverse_sqrt(reduced);
  for (int64_t i = 0; i < n; ++i) {
    const int32_t rescaled = apply_multiplier(1024 * values[i] - mean, inverse);
    const int64_t weighted = wrapping_add(wrapping_mul(rescaled, weights[i]), bias[i]);
    const auto value =
        static_cast<int32_t>((weighted > 0 ? weighted + 512 : weighted - 512) / 1024);
    values[i] = saturate16(apply_multiplier(value, norm.scale));
  }
}

/// Gates as LiteRT's 8x8_16 kernel computes them: CalculateLstmGateInteger8x8_16,
/// UpdateLstmCellInteger, CalculateLstmOutputInteger8x8_16.
struct WideRule {
  LstmCell cell;
  std::array<Normalization, kGates> norms;
  std::array<FixedMultiplier, kGates> peephole;
  int64_t peepholes = 0;  ///< cells that have one: as many as outputs, as in the reference
  int cell_exponent = 0;
  Tanh16 cell_tanh = nullptr;
  int16_t cell_clip = 0;
  FixedMultiplier hidden_scale;
  int32_t hidden_zero = 0;  ///< added to the hidden value
  IntRowProduct projection;
  int32_t state_zero = 0;
  int8_t proj_clip = 0;

  /// The sums of a gate's products, finished but for its function.
  void sum_gate(const InvokeArgs& args, LstmGate gate, const int32_t* input,
                const int32_t* recurrent, const int16_t* state, int16_t* values) const {
    const int64_t at = static_cast<int64_t>(gate - cell.first_gate()) * cell.cells;
    for (int64_t i = 0; i < cell.cells; ++i) {
      values[i] = saturate16(wrapping_add(recurrent[at + i], input[at + i]));
    }
    if (cell.peephole && gate != kCellGate) {
      const auto* weights = args.in<int16_t>(cell.slots.peephole[gate]);
      for (int64_t i = 0; i < peepholes; ++i) {
        const int32_t product = apply_multiplier(int32_t{weights[i]} * state[i], peephole[gate]);
        values[i] = saturate16(wrapping_add(product, values[i]));
      }
    }
    if (cell.norm) {
      normalize(norms[gate], args.in<int16_t>(cell.slots.norm[gate]),
                args.in<int32_t>(cell.slots.bias[gate]), cell.cells, values);
    }
  }

  void gates(const InvokeArgs& args, int32_t* sums, const int32_t* recurrent, int16_t* state,
             int16_t* hidden) const {
    const int64_t n = cell.cells;
    // The row of int32 sums has room for the int16 gates that are made from it one by one: each is
    // written to the front of its own sums.
    const auto place = [&](LstmGate gate) {
      return reinterpret_cast<int16_t*>(sums + static_cast<int64_t>(gate - cell.first_gate()) * n);
    };
    const auto finish = [&](LstmGate gate) {
      sum_gate(args, gate, sums, recurrent, state, hidden);
      int16_t* values = place(gate);
      if (gate == kCellGate) {
        tanh16<3>(hidden, n, values);
      } else {
        for (int64_t i = 0; i < n; ++i) values[i] = logistic16(hidden[i]);
      }
      return values;
    };
    const int16_t* in = cell.coupled ? nullptr : finish(kInputGate);
    const int16_t* forget = finish(kForgetGate);
    const int16_t* candidate = finish(kCellGate);
    for (int64_t i = 0; i < n; ++i) {
      const int32_t kept = rounding_divide_by_pot(int32_t{forget[i]} * state[i], 15);
      const int32_t share = in != nullptr ? in[i] : 32767 - forget[i];
      const int32_t added = rounding_divide_by_pot(share * candidate[i], 30 + cell_exponent);
      state[i] = saturate16(static_cast<int16_t>(kept) + static_cast<int16_t>(added));
    }
    clip16(state, n, cell_clip);
    const int16_t* out = finish(kOutputGate);
    cell_tanh(state, n, hidden);
    for (int64_t i = 0; i < n; ++i) {
      const int32_t value = apply_multiplier(int32_t{out[i]} * hidden[i], hidden_scale);
      hidden[i] =
          static_cast<int16_t>(clamp(wrapping_add(value, hidden_zero), range_of(DataType::int8)));
    }
    if (!cell.projection) return;
    for (int64_t i = 0; i < n; ++i) hidden[i] = static_cast<int16_t>(hidden[i] - hidden_zero);
  }

  void output(const InvokeArgs& args, const int16_t* hidden, int32_t* sums, int8_t* state) const {
    if (!cell.projection) {
      for (int64_t i = 0; i < cell.cells; ++i) state[i] = static_cast<int8_t>(hidden[i]);
      return;
    }
    projection.run(args, hidden, 1, sums);
    for (int64_t i = 0; i < cell.outputs; ++i) {
      int32_t value = clamp(wrapping_add(sums[i], state_zero), range_of(DataType::int8));
      if (proj_clip > 0) value = std::clamp<int32_t>(value, -proj_clip, proj_clip);
      state[i] = static_cast<int8_t>(value);
    }
  }
};

/// Scales of the cell's parts as the kernel wants them, in float as it computes them.
struct WideScales {
  const PrepareArgs& args;
  const LstmCell& cell;
  std::array<float, kGates> gate;  ///< of the sums in front of normalization, or 1/4096
  float hidden = 1;

  WideScales(const PrepareArgs& args_, const LstmCell& cell_) : args(args_), cell(cell_) {
    if (args.intermediates.size() != 5) {
      fail(ErrorKind::bad_file, "it has {} intermediate tensors; an int8 LSTM needs 5",
           args.intermediates.size());
    }
    gate.fill(1.0f / 4096);
    for (size_t i = cell.first_gate(); i < kGates; ++i) {
      if (cell.norm) gate[i] = intermediate(i);
    }
    hidden = intermediate(4);
  }

  float intermediate(size_t i) const {
    const Operand& tensor = args.intermediates[i];
    if (!tensor.id) fail(ErrorKind::bad_file, "intermediate {} is missing", i);
    require_per_tensor(tensor);
    return scale_of(tensor);
  }

  /// Multipliers from products with x to the gates.
  IntRowOptions products(const Operand& x, const std::array<size_t, kGates>& weights,
                         IntRange range) const {
    IntRowOptions options{.range = range};
    for (size_t i = cell.first_gate(); i < kGates; ++i) {
      const Operand& w = args.input(weights[i]);
      require_symmetric(w);
      options.multipliers.push_back(quantize_multiplier(scale_of(w) * scale_of(x) / gate[i]));
    }
    return options;
  }
};

void set_optional_parts(const PrepareArgs& args, const WideScales& scales, WideRule& rule) {
  const LstmCell& cell = rule.cell;
  const double cell_scale = std::pow(2, rule.cell_exponent);
  for (size_t i = cell.first_gate(); i < kGates; ++i) {
    require_type(args.input(cell.slots.bias[i]), {DataType::int32});
    if (cell.peephole && i != kCellGate) {
      const Operand& w = args.input(cell.slots.peephole[i]);
      require_type(w, {DataType::int16});
      require_symmetric(w);
      const auto ratio = static_cast<float>(cell_scale * scale_of(w) / scales.gate[i]);
      rule.peephole[i] = quantize_multiplier(ratio);
    }
    if (!cell.norm) continue;
    const Operand& w = args.input(cell.slots.norm[i]);
    require_type(w, {DataType::int16});
    require_symmetric(w);
    FixedMultiplier& m = rule.norms[i].scale;
    m = quantize_multiplier(scale_of(w));
    if (m.shift > 18) fail(ErrorKind::bad_file, "{} has scale {}", w.name, scale_of(w));
    m.shift += 12;
    rule.norms[i].variance_guard = std::max(1, static_cast<int32_t>(10000 * scale_of(w)));
  }
  rule.peepholes = std::min(cell.outputs, cell.cells);
  if (cell.peephole && cell.outputs != cell.cells &&
      (cell.batch > 1 || cell.outputs > cell.cells)) {
    fail(ErrorKind::unsupported, "peephole weights of {} cells with {} outputs have no kernel",
         cell.cells, cell.outputs);
  }
}

void set_projection(const PrepareArgs& args, const WideScales& scales, const Operand& state,
                    WideRule& rule) {
  const LstmCell& cell = rule.cell;
  const Operand& w = args.input(cell.slots.projection);
  require_symmetric(w);
  StackedWeights weights = cell.projection_weights();
  if (args.has_input(cell.slots.projection_bias)) weights.biases = {cell.slots.projection_bias};
  const float ratio = scale_of(w) * scales.hidden / scale_of(state);
  rule.projection = IntRowProduct(args, std::move(weights),
                                  {.multipliers = {quantize_multiplier(ratio)},
                                   .zeros = {},
                                   .range = range_of(DataType::int32)});
  rule.hidden_zero = -rule.hidden_zero;  // the reference subtracts it
  rule.proj_clip = stored_proj_clip(args, cell);
}

}  // namespace

Kernel wide_int_lstm(const PrepareArgs& args, const LstmCell& cell) {
  const Operand& x = args.input(cell.slots.x);
  const Operand& state = args.input(cell.slots.output_state);
  const Operand& cell_state = args.input(cell.slots.cell_state);
  require_type(x, {DataType::int8});
  require_per_tensor(x);
  require_per_tensor(state);
  IntLstm<int8_t, WideRule> lstm{.cell = cell, .x_zero = zero_of(x), .state_zero = zero_of(state)};
  WideRule& rule = lstm.rule;
  rule.cell = cell;
  rule.cell_exponent = scale_exponent(cell_state, true);
  if (rule.cell_exponent < -15 || rule.cell_exponent > -9) {
    fail(ErrorKind::unsupported, "{} has scale {}; the kernel takes 2^-15 to 2^-9", cell_state.name,
         scale_of(cell_state));
  }
  const WideScales scales(args, cell);
  rule.cell_tanh = tanh_of_bits(15 + rule.cell_exponent);
  rule.cell_clip = stored_clip16<float>(cell.cell_clip, scale_of(cell_state));
  rule.hidden_scale =
      quantize_multiplier(static_cast<float>(std::pow(2, -15) / scales.hidden * std::pow(2, -15)));
  rule.hidden_zero = zero_of(args.intermediates[4]);
  if (rule.hidden_zero < -128 || rule.hidden_zero > 127) {
    fail(ErrorKind::bad_file, "{} has zero point {}, outside of int8", args.intermediates[4].name,
         rule.hidden_zero);
  }
  rule.state_zero = zero_of(state);
  set_optional_parts(args, scales, rule);
  if (cell.projection) set_projection(args, scales, state, rule);
  StackedWeights input = cell.input_weights();
  if (!cell.norm) input.biases = cell.of_gates(cell.slots.bias);
  lstm.input = IntRowProduct(args, std::move(input),
                             scales.products(x, cell.slots.input, range_of(DataType::int16)));
  lstm.recurrent =
      IntRowProduct(args, cell.recurrent_weights(),
                    scales.products(state, cell.slots.recurrent, range_of(DataType::int32)));
  return int_lstm_kernel(std::move(lstm));
}

}  // namespace smelt
