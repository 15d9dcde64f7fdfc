#include "smelt/kernels/svdf.h"

#include <algorithm>
#include <memory>

#include "smelt/kernels/gate_functions.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/recurrent.h"
#include "smelt/kernels/row_product.h"

namespace smelt {
namespace {

enum Slot : size_t { kX, kFeature, kTime, kBias, kState, kInputs };

struct SvdfShape {
  int64_t batch = 0, inputs = 0, filters = 0, memory = 0, rank = 1;
  bool has_bias = false;

  int64_t units() const { return filters / rank; }
  int64_t state_values() const {
    return checked_mul(checked_mul(batch, filters, "products"), memory, "values of the state");
  }
};

SvdfShape svdf_shape(const PrepareArgs& args, int32_t rank) {
  const Operand& x = args.input(kX);
  const Operand& feature = args.input(kFeature);
  const Operand& time = args.input(kTime);
  for (const Operand* operand : {&x, &feature, &time}) require_rank(*operand, 2, 2);
  SvdfShape s{.batch = x.shape[0],
              .inputs = x.shape[1],
              .filters = feature.shape[0],
              .memory = time.shape[1],
              .rank = rank,
              .has_bias = args.has_input(kBias)};
  if (s.inputs < 1 || s.filters < 1 || s.memory < 1 || rank < 1 || s.filters % rank != 0) {
    fail(ErrorKind::bad_file, "weights {} and {} of rank {} do not fit an input of shape {}",
         to_string(feature.shape), to_string(time.shape), rank, to_string(x.shape));
  }
  require_shape(feature, {feature.shape[0], x.shape[1]});
  require_shape(time, {feature.shape[0], time.shape[1]});
  const auto units = static_cast<int32_t>(s.units());
  if (s.has_bias) require_shape(args.input(kBias), {units});
  require_shape(args.output(), {x.shape[0], units});
  return s;
}

/// Moves the state one place down, as one piece: the last product of every filter, which then is
/// that of the next filter, is written anew.
template <class T>
void shift_state(const SvdfShape& s, T* state) {
  const int64_t count = s.batch * s.filters * s.memory;
  std::copy(state + 1, state + count, state);
}

struct FloatSvdf {
  SvdfShape shape;
  RowProduct feature;
  std::vector<float> time;  ///< weights that were int8; else empty
  Activation activation = Activation::none;
  int64_t products_at = 0, bytes = 0;

  void run(const InvokeArgs& args) const {
    const SvdfShape& s = shape;
    auto* sums = reinterpret_cast<float*>(args.scratch);
    float* state = state_of<float>(args, kState);
    shift_state(s, state);
    feature.run(args, args.in<float>(kX), s.batch, sums, args.scratch + products_at);
    const float* weights = time.empty() ? args.in<float>(kTime) : time.data();
    const float* bias = s.has_bias ? args.in<float>(kBias) : nullptr;
    float* y = args.out<float>();
    for (int64_t b = 0; b < s.batch; ++b) {
      const float* w = weights;
      for (int64_t u = 0; u < s.units(); ++u) {
        float total = 0;
        for (int64_t r = 0; r < s.rank; ++r, w += s.memory, state += s.memory) {
          state[s.memory - 1] = *sums++;
          float sum = 0;
          for (int64_t i = 0; i < s.memory; ++i) sum += w[i] * state[i];
          total += sum;
        }
        y[b * s.units() + u] = bias != nullptr ? total + bias[u] : total;
      }
    }
    activate(activation, y, s.batch * s.units(), y);
  }
};

template <class State>
struct IntSvdf {
  SvdfShape shape;
  IntRowProduct feature;
  int32_t x_zero = 0, state_zero = 0, y_zero = 0;
  FixedMultiplier to_y;
  int64_t sums_at = 0, bytes = 0;

  void run(const InvokeArgs& args) const {
    const SvdfShape& s = shape;
    auto* rows = reinterpret_cast<int16_t*>(args.scratch);
    auto* sums = reinterpret_cast<int32_t*>(args.scratch + sums_at);
    copy_rows(args.in<int8_t>(kX), x_zero, s.batch, s.inputs, feature.stride(), rows);
    rows[s.batch * feature.stride()] = 0;
    feature.run(args, rows, s.batch, sums);
    auto* state = state_of<State>(args, kState);
    shift_state(s, state);
    const int32_t* bias = s.has_bias ? args.in<int32_t>(kBias) : nullptr;
    int8_t* y = args.out<int8_t>();
    for (int64_t b = 0; b < s.batch; ++b) {
      const State* w = args.in<State>(kTime);
      for (int64_t u = 0; u < s.units(); ++u) {
        uint32_t total = bias != nullptr ? static_cast<uint32_t>(bias[u]) : 0;
        for (int64_t r = 0; r < s.rank; ++r, w += s.memory, state += s.memory) {
          state[s.memory - 1] = static_cast<State>(*sums++ + state_zero);
          for (int64_t i = 0; i < s.memory; ++i) {
            total += static_cast<uint32_t>(int32_t{w[i]}) *
                     static_cast<uint32_t>(int32_t{state[i]} - state_zero);
          }
        }
        const int32_t value = apply_multiplier(static_cast<int32_t>(total), to_y);
        y[b * s.units() + u] =
            static_cast<int8_t>(clamp(wrapping_add(value, y_zero), range_of(DataType::int8)));
      }
    }
  }
};

Kernel float_svdf(const PrepareArgs& args, const SvdfShape& s, const SvdfAttributes& a) {
  const Operand& time = args.input(kTime);
  require_type(args.output(), {DataType::float32});
  if (s.has_bias) require_type(args.input(kBias), {DataType::float32});
  require_state(args.input(kState), s.state_values(), DataType::float32);
  auto svdf = std::make_shared<FloatSvdf>();
  svdf->shape = s;
  svdf->activation = a.activation;
  svdf->feature =
      RowProduct(args, {{kFeature}, {}, s.filters, s.inputs}, a.asymmetric_quantize_inputs);
  require_same_type(args.input(kFeature), time);
  if (time.type != DataType::float32) {
    require_per_tensor(time);
    if (time.constant == nullptr) {
      fail(ErrorKind::unsupported, "{}: int8 time weights must be a constant", time.name);
    }
    for (int64_t i = 0; i < time.shape.elements(); ++i) {
      svdf->time.push_back(static_cast<float>(time.constant_as<int8_t>()[i]) * scale_of(time));
    }
  }
  ScratchLayout layout;
  layout.add(checked_mul(s.batch, s.filters, "products"), sizeof(float));
  svdf->products_at = layout.bytes;
  svdf->bytes = layout.bytes + svdf->feature.scratch_bytes(s.batch);
  return {[svdf](const InvokeArgs& run) { svdf->run(run); }, svdf->bytes};
}

template <class State>
Kernel int_svdf(const PrepareArgs& args, const SvdfShape& s) {
  const Operand& x = args.input(kX);
  const Operand& feature = args.input(kFeature);
  const Operand& time = args.input(kTime);
  const Operand& state = args.input(kState);
  const Operand& y = args.output();
  require_type(y, {DataType::int8});
  if (s.has_bias) require_type(args.input(kBias), {DataType::int32});
  require_state(state, s.state_values(), data_type_of<State>);
  for (const Operand* operand : {&x, &feature, &time, &state, &y}) require_per_tensor(*operand);
  auto svdf = std::make_shared<IntSvdf<State>>();
  svdf->shape = s;
  svdf->x_zero = zero_of(x);
  svdf->state_zero = zero_of(state);
  svdf->y_zero = zero_of(y);
  // Products and ratios of scales are made in float.
  svdf->to_y = quantize_multiplier(scale_of(state) * scale_of(time) / scale_of(y));
  svdf->feature = IntRowProduct(
      args, {{kFeature}, {}, s.filters, s.inputs},
      {.multipliers = {quantize_multiplier(scale_of(x) * scale_of(feature) / scale_of(state))},
       .zeros = {},
       .range = range_of(data_type_of<State>)});
  ScratchLayout layout;
  layout.add(checked_mul(s.batch, svdf->feature.stride(), "inputs") + 1, sizeof(int16_t));
  svdf->sums_at = layout.add(checked_mul(s.batch, s.filters, "products"), sizeof(int32_t));
  svdf->bytes = layout.bytes;
  return {[svdf](const InvokeArgs& run) { svdf->run(run); }, svdf->bytes};
}

}  // namespace

Kernel prepare_svdf(const PrepareArgs& args) {
  const auto& a = attributes_of<SvdfAttributes>(args);
  if (args.inputs.size() != kInputs) {
    fail(ErrorKind::bad_file, "it has {} operands; 5 are needed", args.inputs.size());
  }
  const SvdfShape s = svdf_shape(args, a.rank);
  require_type(args.input(kX), {DataType::float32, DataType::int8});
  if (args.input(kX).type == DataType::float32) return float_svdf(args, s, a);
  const Operand& time = args.input(kTime);
  require_type(time, {DataType::int16, DataType::int8});
  return time.type == DataType::int16 ? int_svdf<int16_t>(args, s) : int_svdf<int8_t>(args, s);
}

}  // namespace smelt
