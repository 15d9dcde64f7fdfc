#include <cmath>
#include <memory>

#include "smelt/kernels/fixed16.h"
#include "smelt/kernels/lstm_int.h"

namespace smelt {
namespace {

/// A product that is rounded to int8, and what brings it to the scale of the gate's sum.
struct NarrowProduct {
  int32_t zero = 0;
  FixedMultiplier to_sum;

  int32_t operator()(int32_t product) const {
    const int32_t stored = clamp(wrapping_add(product, zero), range_of(DataType::int8));
    return apply_multiplier(stored - zero, to_sum);
  }
};

struct NarrowGate {
  NarrowProduct input, recurrent;
  float norm_scale = 0;
};

/// float to int16 in steps of 1/2^bits, truncated and saturating.
int16_t to_int16(float value, int bits) {
  const float scaled = std::ldexp(value, bits);
  return scaled >= 32767.0f ? int16_t{32767} : saturate16(static_cast<int32_t>(scaled));
}

/// Gates as LiteRT's 8x8_8 kernel computes them: CalculateLstmGateInteger8x8_8,
/// UpdateLstmCellInteger, CalculateLstmOutputInteger8x8_8.
struct NarrowRule {
  LstmCell cell;
  std::array<NarrowGate, kGates> parts;
  int16_t cell_clip = 0;
  FixedMultiplier projection;
  int32_t state_zero = 0;
  int8_t proj_clip = 0;

  /// PortableTwoGateSaturatingAdd, PortableApplyLayerNormFloat.
  void sum_gate(const InvokeArgs& args, LstmGate gate, const int32_t* input,
                const int32_t* recurrent, int16_t* values) const {
    const NarrowGate& part = parts[gate];
    const int64_t n = cell.cells;
    const int64_t at = static_cast<int64_t>(gate - cell.first_gate()) * n;
    float sum = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i) {
      values[i] =
          saturate16(wrapping_add(part.recurrent(recurrent[at + i]), part.input(input[at + i])));
      const float value = values[i];
      sum += value;
      squares += value * value;
    }
    const auto* weights = args.in<int16_t>(cell.slots.norm[gate]);
    const auto* bias = args.in<int32_t>(cell.slots.bias[gate]);
    const float bias_scale = part.norm_scale / 1024;
    const float mean = sum / static_cast<float>(n);
    const float variance = squares / static_cast<float>(n) - mean * mean;
    const float inverse = 1.0f / std::sqrt(variance == 0 ? 1e-8f : variance);
    for (int64_t i = 0; i < n; ++i) {
      const float normal = (static_cast<float>(values[i]) - mean) * inverse;
      const float value =
          normal * weights[i] * part.norm_scale + static_cast<float>(bias[i]) * bias_scale;
      const float rounded = std::round(value * 4096);
      values[i] = std::isnan(rounded)
                      ? int16_t{-32768}
                      : static_cast<int16_t>(std::clamp(rounded, -32768.0f, 32767.0f));
    }
  }

  static int16_t logistic16(int16_t value) {
    return to_int16(1.0f / (1.0f + std::exp(-std::ldexp(static_cast<float>(value), -12))), 15);
  }
  static int16_t tanh16(int16_t value, int bits) {
    return to_int16(std::tanh(std::ldexp(static_cast<float>(value), bits)), 15);
  }

  void gates(const InvokeArgs& args, int32_t* sums, const int32_t* recurrent, int16_t* state,
             int16_t* hidden) const {
    const int64_t n = cell.cells;
    sum_gate(args, kForgetGate, sums, recurrent, hidden);
    // From here on the sums of the forget gate are its values.
    for (int64_t i = 0; i < n; ++i) sums[i] = logistic16(hidden[i]);
    sum_gate(args, kCellGate, sums, recurrent, hidden);
    for (int64_t i = 0; i < n; ++i) {
      const int32_t forget = sums[i];
      const int32_t kept = rounding_divide_by_pot(forget * state[i], 15);
      const int32_t added = rounding_divide_by_pot((32767 - forget) * tanh16(hidden[i], -12), 15);
      state[i] = saturate16(kept + added);
    }
    clip16(state, n, cell_clip);
    sum_gate(args, kOutputGate, sums, recurrent, hidden);
    for (int64_t i = 0; i < n; ++i) {
      const int32_t product = int32_t{logistic16(hidden[i])} * tanh16(state[i], -15);
      hidden[i] = static_cast<int16_t>(rounding_divide_by_pot(product, 15));
    }
  }

  void output(const InvokeArgs& args, const int16_t* hidden, int32_t*, int8_t* state) const {
    const auto* w = args.in<int8_t>(cell.slots.projection);
    const auto* bias = args.in<int32_t>(cell.slots.projection_bias);
    for (int64_t o = 0; o < cell.outputs; ++o) {
      int64_t sum = bias[o];
      for (int64_t i = 0; i < cell.cells; ++i, ++w) sum += hidden[i] * *w;
      int32_t value = wrapping_add(apply_multiplier(sum, projection), state_zero);
      value = clamp(value, range_of(DataType::int8));
      if (proj_clip > 0) value = std::clamp<int32_t>(value, -proj_clip, proj_clip);
      state[o] = static_cast<int8_t>(value);
    }
  }
};

/// The intermediate tensors: per gate the sum, the product with x and the recurrent product.
const Operand& intermediate(const PrepareArgs& args, size_t i) {
  const Operand& tensor = args.intermediates[i];
  if (!tensor.id) fail(ErrorKind::bad_file, "intermediate {} is missing", i);
  require_per_tensor(tensor);
  if (zero_of(tensor) < -128 || zero_of(tensor) > 127) {
    fail(ErrorKind::bad_file, "{} has zero point {}", tensor.name, zero_of(tensor));
  }
  return tensor;
}

FixedMultiplier ratio(const Operand& from, const Operand& to) {
  return quantize_multiplier(scale_of(from) / scale_of(to));
}

/// Multipliers from products with x to their int8 form; `first` is that of the input gate.
IntRowOptions product_options(const PrepareArgs& args, const LstmCell& cell, const Operand& x,
                              const std::array<size_t, kGates>& weights, size_t first) {
  IntRowOptions options{.range = range_of(DataType::int32)};
  for (size_t gate = kForgetGate; gate < kGates; ++gate) {
    const Operand& w = args.input(weights[gate]);
    require_symmetric(w);
    options.multipliers.push_back(quantize_multiplier(
        scale_of(w) * scale_of(x) / scale_of(intermediate(args, first + 3 * gate))));
  }
  SMELT_CHECK(cell.coupled);
  return options;
}

NarrowGate read_gate(const PrepareArgs& args, const LstmCell& cell, size_t gate) {
  const Operand& sum = intermediate(args, 3 * gate);
  const Operand& input = intermediate(args, 3 * gate + 1);
  const Operand& recurrent = intermediate(args, 3 * gate + 2);
  const Operand& norm = args.input(cell.slots.norm[gate]);
  require_type(norm, {DataType::int16});
  require_symmetric(norm);
  require_type(args.input(cell.slots.bias[gate]), {DataType::int32});
  const FixedMultiplier scale = quantize_multiplier(scale_of(norm));
  return {.input = {zero_of(input), ratio(input, sum)},
          .recurrent = {zero_of(recurrent), ratio(recurrent, sum)},
          .norm_scale = static_cast<float>(scale.multiplier *
                                           std::pow(2.0, static_cast<double>(scale.shift - 31)))};
}

void require_narrow_parts(const PrepareArgs& args, const LstmCell& cell) {
  const bool complete =
      cell.norm && cell.projection && args.has_input(cell.slots.projection_bias) && !cell.peephole;
  if (!complete) {
    fail(ErrorKind::unsupported,
         "an int8 LSTM with 12 intermediate tensors has a kernel with normalization, projection "
         "and its bias, without peephole weights only");
  }
  require_type(args.input(cell.slots.projection_bias), {DataType::int32});
  require_shape(args.input(cell.slots.projection_bias), {static_cast<int32_t>(cell.outputs)});
  const Operand& w = args.input(cell.slots.projection);
  require_type(w, {DataType::int8});
  require_shape(w, {static_cast<int32_t>(cell.outputs), static_cast<int32_t>(cell.cells)});
  require_symmetric(w);
}

}  // namespace

Kernel narrow_int_lstm(const PrepareArgs& args, const LstmCell& given) {
  LstmCell cell = given;
  cell.coupled = true;  // the kernel does not look at an input gate
  const Operand& x = args.input(cell.slots.x);
  const Operand& state = args.input(cell.slots.output_state);
  const Operand& cell_state = args.input(cell.slots.cell_state);
  require_type(x, {DataType::int8});
  require_per_tensor(x);
  require_per_tensor(state);
  require_narrow_parts(args, cell);
  if (scale_exponent(cell_state, true) != -15) {
    fail(ErrorKind::bad_file, "{} has scale {}, expected 1/32768", cell_state.name,
         scale_of(cell_state));
  }
  IntLstm<int8_t, NarrowRule> lstm{
      .cell = cell, .x_zero = zero_of(x), .state_zero = zero_of(state)};
  NarrowRule& rule = lstm.rule;
  rule.cell = cell;
  for (size_t gate = kForgetGate; gate < kGates; ++gate) {
    rule.parts[gate] = read_gate(args, cell, gate);
  }
  // LstmStepInteger8x8_8 reads the output gate's recurrent multiplier behind the end of its array,
  // where a shift of the forget gate lies, and takes the zero point of another product.
  NarrowProduct& odd = rule.parts[kOutputGate].recurrent;
  odd.to_sum.multiplier = rule.parts[kForgetGate].recurrent.to_sum.shift;
  odd.zero = rule.parts[kCellGate].input.zero;
  if (cell.cell_clip < 1.0f) {
    rule.cell_clip = stored_clip16<float>(cell.cell_clip, scale_of(cell_state));
  }
  rule.state_zero = zero_of(state);
  rule.projection = quantize_multiplier(static_cast<float>(
      scale_of(args.input(cell.slots.projection)) * std::pow(2, -15) / scale_of(state)));
  if (rule.projection.shift > 7) {
    fail(ErrorKind::bad_file, "scales of the projection and {} make a ratio of 2^{}", state.name,
         rule.projection.shift);
  }
  rule.proj_clip = stored_proj_clip(args, cell);
  lstm.input = IntRowProduct(args, cell.input_weights(),
                             product_options(args, cell, x, cell.slots.input, 1));
  lstm.recurrent = IntRowProduct(args, cell.recurrent_weights(),
                                 product_options(args, cell, state, cell.slots.recurrent, 2));
  return int_lstm_kernel(std::move(lstm));
}

}  // namespace smelt
