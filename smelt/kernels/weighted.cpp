#include "smelt/kernels/weighted.h"

#include <cmath>

#include "smelt/kernels/litert_rules.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/packed_bits.h"

namespace smelt {
namespace {

[[noreturn]] void fail_weight_types(const PrepareArgs& args, const Operand& x, const Operand& w,
                                    const Operand& y) {
  fail(ErrorKind::unsupported,
       "{} with {} input, {} weights and {} result has no kernel; there are kernels for float32, "
       "for int8 or int16 with int8, int4 or int2 weights and for uint8",
       name(args.op.type), name(x.type), name(w.type), name(y.type));
}

WeightedKind kind_of(const PrepareArgs& args, const Operand& x, const Operand& w,
                     const Operand& y) {
  if (x.type == y.type) {
    const bool w8 = w.type == DataType::int8;
    if (x.type == DataType::float32 && w.type == x.type) return WeightedKind::float32;
    const bool small = w8 || w.type == DataType::int4 || w.type == DataType::int2;
    if (x.type == DataType::int8 && small) return WeightedKind::int8;
    if (x.type == DataType::uint8 && w.type == x.type) return WeightedKind::uint8;
    if (x.type == DataType::int16 && small) return WeightedKind::int16;
  }
  fail_weight_types(args, x, w, y);
}

void check_bias(Weighted& op, const Operand& bias) {
  if (bias.shape.elements() != op.channels) {
    fail(ErrorKind::bad_file, "bias {} has shape {}, expected [{}]", bias.name,
         to_string(bias.shape), op.channels);
  }
  switch (op.kind) {
    case WeightedKind::float32:
      return require_type(bias, {DataType::float32});
    case WeightedKind::int16:
      require_type(bias, {DataType::int64, DataType::int32});
      op.sums64 = bias.type == DataType::int64;
      return;
    default:
      return require_type(bias, {DataType::int32});
  }
}

void check_weight_scales(const Operand& w, int64_t channels, int axis) {
  const Quantization& q = *w.quantization;
  require_channel_scales(w, channels, axis);
  if (q.zero_point.size() != q.scale.size()) {
    fail(ErrorKind::bad_file, "{} has {} scales but {} zero points", w.name, q.scale.size(),
         q.zero_point.size());
  }
  for (const float scale : q.scale) {
    if (!(scale >= 0) || !std::isfinite(scale)) {
      fail(ErrorKind::bad_file, "{} has quantization scale {}", w.name, scale);
    }
  }
}

void set_multipliers(Weighted& op, const Operand& x, const Operand& w, const Operand& y) {
  const std::vector<float>& scales = w.quantization->scale;
  const bool float_product =
      op.kind == WeightedKind::uint8 || (op.layout.float_product && scales.size() == 1);
  for (const float scale : scales) {
    const double product = float_product
                               ? static_cast<double>(scale_of(x) * scale)
                               : static_cast<double>(scale_of(x)) * static_cast<double>(scale);
    const FixedMultiplier m = quantize_multiplier(product / static_cast<double>(scale_of(y)));
    if (op.sums64 && m.shift > 7) {
      fail(ErrorKind::bad_file, "scales of {} and {} make a ratio of 2^{}; 2^7 is the limit",
           x.name, y.name, m.shift);
    }
    op.multipliers.push_back(m);
  }
}

/// Scales are multiplied and divided in float, one after the other.
void follow_xnnpack(Weighted& op, const PrepareArgs& args, Activation activation) {
  const Operand& y = args.output();
  for (const float scale : args.input(op.layout.w).quantization->scale) {
    op.scales.push_back(scale_of(args.input(op.layout.x)) * scale / scale_of(y));
  }
  op.range = xnnpack_range(activation, y);
}

void set_zero_points(Weighted& op, const Operand& x, const Operand& w, const Operand& y) {
  op.x_zero = zero_of(x);
  op.y_zero = zero_of(y);
  if (op.kind == WeightedKind::int16 && (op.x_zero != 0 || op.y_zero != 0)) {
    fail(ErrorKind::bad_file, "{} and {} are int16 and must have zero point 0", x.name, y.name);
  }
  if (op.kind == WeightedKind::uint8) {
    require_per_tensor(w);
    op.w_zero = zero_of(w);
  } else if (op.layout.weights_may_shift && w.quantization->per_tensor()) {
    op.w_zero = zero_of(w);
    if (op.w_zero < -128 || op.w_zero > 127) {
      fail(ErrorKind::bad_file, "{} has zero point {}", w.name, op.w_zero);
    }
  }
}

}  // namespace

Weighted make_weighted(const PrepareArgs& args, const WeightedLayout& layout, Activation activation,
                       DataType bias_type) {
  const Operand& x = args.input(layout.x);
  const Operand& w = args.input(layout.w);
  const Operand& y = args.output();
  require_clamping(activation);
  Weighted op{.layout = layout, .kind = kind_of(args, x, w, y)};
  op.channels = w.shape[layout.channel_axis];
  op.has_bias = args.has_input(layout.bias);
  op.sums64 = op.kind == WeightedKind::int16 && bias_type != DataType::int32;
  if (op.channels < 1) fail(ErrorKind::bad_file, "{} is empty", w.name);
  if (op.has_bias) check_bias(op, args.input(layout.bias));
  op.constant =
      w.constant != nullptr && (!op.has_bias || args.input(layout.bias).constant != nullptr);
  if (op.kind == WeightedKind::float32) {
    op.float_range = activation_range(activation);
    return op;
  }
  require_per_tensor(x);
  require_per_tensor(y);
  check_weight_scales(w, op.channels, layout.channel_axis);
  set_multipliers(op, x, w, y);
  set_zero_points(op, x, w, y);
  op.range = activation_range(activation, y);
  if (xnnpack_takes(args)) follow_xnnpack(op, args, activation);
  if (bit_width(w.type) < 8) op.unpacked = unpack_small(w);
  return op;
}

IntWeights int_weights(const Weighted& op, const Operand& w) {
  if (op.kind == WeightedKind::uint8) return {nullptr, w.constant_as<uint8_t>(), op.w_zero};
  return {op.unpacked.empty() ? w.constant_as<int8_t>() : op.unpacked.data(), nullptr, op.w_zero};
}

}  // namespace smelt
