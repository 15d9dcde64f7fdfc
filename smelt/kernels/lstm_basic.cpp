#include <algorithm>
#include <memory>

#include "smelt/kernels/fixed16.h"
#include "smelt/kernels/gate_functions.h"
#include "smelt/kernels/lstm.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/recurrent.h"

namespace smelt {
namespace {

enum Slot : size_t { kX, kPreviousOutput, kWeights, kBias, kPreviousState, kInputs };
enum Result : size_t { kOutput, kState, kConcatenation, kProducts, kResults };

/// Parts of the products, in the order of the weights' rows.
enum Part : int64_t { kInput, kCandidate, kForget, kOutputPart, kParts };

struct BasicShape {
  int64_t batch = 0, inputs = 0, outputs = 0;
  bool keep_output = false, keep_state = false;  ///< copy results back to variables

  int64_t depth() const { return inputs + outputs; }
};

BasicShape basic_shape(const PrepareArgs& args) {
  const Operand& x = args.input(kX);
  const Operand& previous = args.input(kPreviousOutput);
  require_rank(x, 2, 2);
  require_rank(previous, 2, 2);
  BasicShape s{.batch = x.shape[0],
               .inputs = x.shape[1],
               .outputs = previous.shape[1],
               .keep_output = previous.is_variable,
               .keep_state = args.input(kPreviousState).is_variable};
  const int64_t rows = kParts * s.outputs;
  if (s.inputs < 1 || s.outputs < 1 || rows > INT32_MAX || s.depth() > INT32_MAX) {
    fail(ErrorKind::bad_file, "{} and {} have shapes {} and {}", x.name, previous.name,
         to_string(x.shape), to_string(previous.shape));
  }
  const auto batch = static_cast<int32_t>(s.batch);
  const auto depth = static_cast<int32_t>(s.depth());
  require_shape(previous, {batch, static_cast<int32_t>(s.outputs)});
  require_shape(args.input(kPreviousState), previous.shape);
  require_shape(args.input(kWeights), {static_cast<int32_t>(rows), depth});
  require_shape(args.input(kBias), {static_cast<int32_t>(rows)});
  require_shape(args.output(kOutput), previous.shape);
  require_shape(args.output(kState), previous.shape);
  require_shape(args.output(kConcatenation), {batch, depth});
  require_shape(args.output(kProducts), {batch, static_cast<int32_t>(rows)});
  return s;
}

template <class T>
void concatenate(const BasicShape& s, const InvokeArgs& args) {
  const T* x = args.in<T>(kX);
  const T* previous = args.in<T>(kPreviousOutput);
  T* to = args.out<T>(kConcatenation);
  for (int64_t b = 0; b < s.batch; ++b) {
    to = std::copy_n(x + b * s.inputs, s.inputs, to);
    to = std::copy_n(previous + b * s.outputs, s.outputs, to);
  }
}

/// What the next invocation reads.
template <class Y, class State>
void keep_results(const BasicShape& s, const InvokeArgs& args) {
  const int64_t count = s.batch * s.outputs;
  if (s.keep_output) {
    std::copy_n(args.out<Y>(kOutput), count, state_of<Y>(args, kPreviousOutput));
  }
  if (s.keep_state) {
    std::copy_n(args.out<State>(kState), count, state_of<State>(args, kPreviousState));
  }
}

void run_float(const BasicShape& s, const InvokeArgs& args) {
  concatenate<float>(s, args);
  const auto* bias = args.in<float>(kBias);
  const int64_t n = s.outputs;
  for (int64_t b = 0; b < s.batch; ++b) {
    const float* row = args.out<float>(kConcatenation) + b * s.depth();
    const float* w = args.in<float>(kWeights);
    float* parts = args.out<float>(kProducts) + b * kParts * n;
    for (int64_t o = 0; o < kParts * n; ++o, w += s.depth()) {
      float sum = 0;
      for (int64_t i = 0; i < s.depth(); ++i) sum += row[i] * w[i];
      parts[o] = sum + bias[o];
    }
    const float* previous = args.in<float>(kPreviousState) + b * n;
    float* state = args.out<float>(kState) + b * n;
    float* y = args.out<float>(kOutput) + b * n;
    // The products stay as they are: gates are made one value at a time.
    for (int64_t i = 0; i < n; ++i) {
      float gates[kParts];
      for (int64_t part = 0; part < kParts; ++part) gates[part] = parts[part * n + i];
      logistic(gates + kInput, 1, gates + kInput);
      activate(Activation::tanh, gates + kCandidate, 1, gates + kCandidate);
      logistic(gates + kForget, 2, gates + kForget);
      state[i] = gates[kInput] * gates[kCandidate] + gates[kForget] * previous[i];
      activate(Activation::tanh, state + i, 1, y + i);
      y[i] *= gates[kOutputPart];
    }
  }
  keep_results<float, float>(s, args);
}

/// apply_multiplier, but the shift to the right rounds ties up for both signs, as the matrix
/// library does that LiteRT multiplies the weights with (measured with its release 2.3).
int32_t scaled_ties_up(int32_t value, FixedMultiplier m) {
  const int32_t high = apply_multiplier(value, {m.multiplier, std::max(m.shift, 0)});
  if (m.shift >= 0) return high;
  return static_cast<int32_t>((int64_t{high} + (int64_t{1} << (-m.shift - 1))) >> -m.shift);
}

struct Uint8Cell {
  BasicShape shape;
  int32_t weights_zero = 0;
  FixedMultiplier multiplier;

  void products(const InvokeArgs& args) const {
    const auto* bias = args.in<int32_t>(kBias);
    for (int64_t b = 0; b < shape.batch; ++b) {
      const uint8_t* row = args.out<uint8_t>(kConcatenation) + b * shape.depth();
      const uint8_t* w = args.in<uint8_t>(kWeights);
      int16_t* parts = args.out<int16_t>(kProducts) + b * kParts * shape.outputs;
      for (int64_t o = 0; o < kParts * shape.outputs; ++o, w += shape.depth()) {
        auto sum = static_cast<uint32_t>(bias[o]);
        for (int64_t i = 0; i < shape.depth(); ++i) {
          sum += static_cast<uint32_t>((row[i] - 128) * (w[i] - weights_zero));
        }
        parts[o] = saturate16(scaled_ties_up(static_cast<int32_t>(sum), multiplier));
      }
    }
  }

  void run(const InvokeArgs& args) const {
    concatenate<uint8_t>(shape, args);
    products(args);
    const int64_t n = shape.outputs;
    for (int64_t b = 0; b < shape.batch; ++b) {
      const int16_t* parts = args.out<int16_t>(kProducts) + b * kParts * n;
      const auto part = [&](Part p, int64_t i) { return Fixed16<3>{parts[p * n + i]}; };
      for (int64_t i = 0; i < n; ++i) {
        const Fixed16<4> previous{args.in<int16_t>(kPreviousState)[b * n + i]};
        const Fixed16<0> added = fixed_logistic(part(kInput, i)) * fixed_tanh(part(kCandidate, i));
        const Fixed16<4> kept = fixed_logistic(part(kForget, i)) * previous;
        const Fixed16<4> state = saturating_add(rescale<4>(added), kept);
        const Fixed16<0> y = fixed_logistic(part(kOutputPart, i)) * fixed_tanh(rescale<3>(state));
        args.out<int16_t>(kState)[b * n + i] = state.raw;
        const int32_t rounded = rounding_divide_by_pot(y.raw, 8);
        args.out<uint8_t>(kOutput)[b * n + i] =
            static_cast<uint8_t>(128 + std::clamp(rounded, -128, 127));
      }
    }
    keep_results<uint8_t, int16_t>(shape, args);
  }
};

void require_types(const PrepareArgs& args, DataType x, DataType bias, DataType state) {
  for (const Slot i : {kX, kPreviousOutput, kWeights}) require_type(args.input(i), {x});
  require_type(args.input(kBias), {bias});
  require_type(args.input(kPreviousState), {state});
  require_type(args.output(kOutput), {x});
  require_type(args.output(kConcatenation), {x});
  for (const Result i : {kState, kProducts}) require_type(args.output(i), {state});
}

Uint8Cell uint8_cell(const PrepareArgs& args, const BasicShape& shape) {
  const Operand& bias = args.input(kBias);
  const Operand& state = args.output(kState);
  require_per_tensor(args.input(kWeights));
  require_per_tensor(bias);
  require_per_tensor(state);
  if (scale_of(state) < 0.00048f || scale_of(state) > 0.0004885f) {
    fail(ErrorKind::unsupported, "{} has scale {}; the kernel takes 1/2048", state.name,
         scale_of(state));
  }
  return {shape, zero_of(args.input(kWeights)),
          quantize_multiplier(static_cast<double>(4096 * scale_of(bias)))};
}

}  // namespace

Kernel prepare_basic_lstm(const PrepareArgs& args) {
  if (args.inputs.size() != kInputs || args.outputs.size() != kResults) {
    fail(ErrorKind::bad_file, "it has {} operands and {} results; the basic form has 5 and 4",
         args.inputs.size(), args.outputs.size());
  }
  const BasicShape shape = basic_shape(args);
  require_type(args.input(kX), {DataType::float32, DataType::uint8});
  if (args.input(kX).type == DataType::float32) {
    require_types(args, DataType::float32, DataType::float32, DataType::float32);
    return {[shape](const InvokeArgs& run) { run_float(shape, run); }};
  }
  require_types(args, DataType::uint8, DataType::int32, DataType::int16);
  return {[cell = uint8_cell(args, shape)](const InvokeArgs& run) { cell.run(run); }};
}

}  // namespace smelt
