#include "smelt/kernels/litert_rules.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

constexpr int kMaxRank = 6;

bool is_8_bit(DataType type) { return type == DataType::int8 || type == DataType::uint8; }

/// A tensor of 8 bits with one scale, as the delegate wants operands that are no weights.
bool is_plain_8_bit(const Operand& operand) {
  const Quantization& q = *operand.quantization;
  return is_8_bit(operand.type) && q.per_tensor() && q.zero_point.size() == 1 && q.axis == 0;
}

bool has_rank(const Operand& operand, int low, int high) {
  if (operand.shape.rank() < low || operand.shape.rank() > high) return false;
  return operand.shape.elements() > 0;
}

bool clamps(Activation activation) {
  return activation != Activation::tanh && activation != Activation::sign_bit;
}

/// x / y within [low, high).
bool ratio_in(float x, float y, float low, float high) {
  const float ratio = x / y;
  return ratio >= low && ratio < high;
}

bool is_bias(const PrepareArgs& args, size_t index) {
  const Operand& bias = args.input(index);
  const Quantization& q = *bias.quantization;
  return bias.constant != nullptr && bias.type == DataType::int32 && q.quantized() && q.axis == 0;
}

/// Constant weights of x's type whose scales run along `axis`, without a zero point where they are
/// signed; and a ratio of scales that XNNPACK can apply.
bool takes_weights(const PrepareArgs& args, const Operand& x, const Operand& w, int axis,
                   bool narrow) {
  const Quantization& q = *w.quantization;
  const bool is_narrow = narrow && x.type == DataType::int8 && w.type == DataType::int4;
  if (w.constant == nullptr || (w.type != x.type && !is_narrow) || !q.quantized()) return false;
  if (q.scale.size() > 1 && q.axis != axis) return false;
  if (x.type == DataType::uint8 && !is_plain_8_bit(w)) return false;
  for (const int64_t zero : q.zero_point) {
    if (zero != 0 && w.type != DataType::uint8) return false;
  }
  for (const float scale : q.scale) {
    if (!(scale_of(x) * scale / scale_of(args.output()) < 256.0f)) return false;
  }
  return true;
}

bool takes_windowed(const PrepareArgs& args, Activation activation, int axis) {
  const Operand& x = args.input(0);
  const Operand& w = args.input(1);
  const Operand& y = args.output();
  return args.inputs.size() == 3 && args.has_input(2) && is_bias(args, 2) && is_plain_8_bit(x) &&
         is_plain_8_bit(y) && x.type == y.type && has_rank(x, 4, 4) && has_rank(w, 4, 4) &&
         has_rank(y, 4, 4) && clamps(activation) && takes_weights(args, x, w, axis, false);
}

/// Float operands with constant integer weights, quantized when the op runs; `types` are those of
/// the weights.
bool takes_hybrid(const PrepareArgs& args, Activation activation,
                  std::initializer_list<DataType> types) {
  const Operand& w = args.input(1);
  const Quantization& q = *w.quantization;
  return args.output().type == DataType::float32 && w.constant != nullptr &&
         std::ranges::find(types, w.type) != types.end() && q.quantized() &&
         (q.scale.size() == 1 || q.axis == 0) && clamps(activation);
}

bool takes_conv(const PrepareArgs& args) {
  const Activation activation = attributes_of<Conv2DAttributes>(args).activation;
  if (args.input(0).type != DataType::float32) return takes_windowed(args, activation, 0);
  return args.has_input(2) && args.input(2).constant != nullptr &&
         takes_hybrid(args, activation, {DataType::int8});
}

bool takes_depthwise(const PrepareArgs& args) {
  const auto& a = attributes_of<DepthwiseConv2DAttributes>(args);
  // The delegate believes this attribute, and leaves the op alone where it is 0.
  return a.depth_multiplier > 0 && takes_windowed(args, a.activation, 3);
}

/// One axis of a transposed convolution: sizes that belong together.
bool takes_transposed_axis(Padding padding, int32_t in, int32_t out, int32_t filter,
                           int32_t stride) {
  if (stride < 1) return false;
  if (padding == Padding::valid) return filter <= out;
  return (int64_t{out} + stride - 1) / stride == in && filter >= stride;
}

bool takes_transpose_conv(const PrepareArgs& args) {
  const auto& a = attributes_of<TransposeConv2DAttributes>(args);
  const Operand& w = args.input(1);
  const Operand& x = args.input(2);
  const Operand& y = args.output();
  return args.input(0).constant != nullptr && (!args.has_input(3) || is_bias(args, 3)) &&
         is_plain_8_bit(x) && is_plain_8_bit(y) && x.type == y.type && has_rank(x, 4, 4) &&
         has_rank(w, 4, 4) && has_rank(y, 4, 4) && clamps(a.activation) &&
         takes_weights(args, x, w, 0, false) &&
         takes_transposed_axis(a.padding, x.shape[1], y.shape[1], w.shape[1], a.stride_h) &&
         takes_transposed_axis(a.padding, x.shape[2], y.shape[2], w.shape[2], a.stride_w);
}

bool takes_dense(const PrepareArgs& args) {
  const auto& a = attributes_of<FullyConnectedAttributes>(args);
  const Operand& x = args.input(0);
  const Operand& w = args.input(1);
  const Operand& y = args.output();
  if (!has_rank(w, 2, 2) || (w.type == DataType::int4 && w.shape[1] % 2 == 1)) return false;
  if (x.type == DataType::float32) {
    return takes_hybrid(args, a.activation, {DataType::int8, DataType::int4, DataType::int2});
  }
  if (!is_plain_8_bit(x) || !is_plain_8_bit(y) || x.type != y.type) return false;
  return a.weights_format == WeightsFormat::plain && clamps(a.activation) &&
         (!args.has_input(2) || is_bias(args, 2)) && takes_weights(args, x, w, 0, true);
}

bool same_8_bit(const PrepareArgs& args) {
  const Operand& y = args.output();
  for (const Operand& x : args.inputs) {
    if (x.type != y.type || !is_plain_8_bit(x) || !has_rank(x, 0, kMaxRank)) return false;
  }
  return is_plain_8_bit(y);
}

bool takes_sum(const PrepareArgs& args) {
  if (!same_8_bit(args)) return false;
  if (!clamps(attributes_of<ArithmeticAttributes>(args).activation)) return false;
  for (const Operand& x : args.inputs) {
    if (!ratio_in(scale_of(x), scale_of(args.output()), 0x1p-10f, 0x1p8f)) return false;
  }
  return true;
}

bool takes_product(const PrepareArgs& args) {
  return same_8_bit(args) && clamps(attributes_of<FusedAttributes>(args).activation) &&
         ratio_in(scale_of(args.input(0)) * scale_of(args.input(1)), scale_of(args.output()),
                  0x1p-16f, 0x1p8f);
}

bool takes_reduction(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& axes = args.input(1);
  return is_plain_8_bit(x) && is_plain_8_bit(args.output()) && x.type == args.output().type &&
         has_rank(x, 1, kMaxRank) && axes.constant != nullptr && axes.type == DataType::int32 &&
         axes.shape.elements() > 0;
}

bool takes_leaky_relu(const PrepareArgs& args) {
  if (!same_8_bit(args)) return false;
  const float alpha = attributes_of<LeakyReluAttributes>(args).alpha;
  const float positive = scale_of(args.input(0)) / scale_of(args.output());
  const float negative = positive * alpha;
  return std::isnormal(alpha) && positive >= 0x1p-8f && positive <= 0x1p7f &&
         negative >= -127.99609375f && negative <= 0x1p7f && std::abs(negative) >= 0x1p-8f;
}

bool takes_quantize(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  if (!is_plain_8_bit(y) || !has_rank(x, 0, kMaxRank)) return false;
  if (x.type == DataType::float32) return true;
  if (!is_plain_8_bit(x) || x.type != y.type) return false;
  const float ratio = scale_of(x) / scale_of(y);
  return ratio >= 0x1p-8f && ratio <= 0x1p7f;
}

bool takes_resize(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  return is_plain_8_bit(x) && is_plain_8_bit(args.output()) && x.type == args.output().type &&
         has_rank(x, 4, 4) && has_rank(args.output(), 4, 4) && args.input(1).constant != nullptr;
}

}  // namespace

bool xnnpack_takes(const PrepareArgs& args) {
  if (args.numerics != Numerics::litert) return false;
  switch (args.op.type) {
    case OpType::conv_2d:
      return takes_conv(args);
    case OpType::depthwise_conv_2d:
      return takes_depthwise(args);
    case OpType::transpose_conv:
      return takes_transpose_conv(args);
    case OpType::fully_connected:
      return takes_dense(args);
    case OpType::add:
    case OpType::sub:
      return takes_sum(args);
    case OpType::mul:
      return takes_product(args);
    case OpType::mean:
    case OpType::sum:
      return takes_reduction(args);
    case OpType::logistic:
    case OpType::tanh:
      return same_8_bit(args);
    case OpType::elu:
      return same_8_bit(args) && args.output().type == DataType::int8;
    case OpType::leaky_relu:
      return takes_leaky_relu(args);
    case OpType::quantize:
      return takes_quantize(args);
    case OpType::resize_bilinear:
      return takes_resize(args);
    default:
      return false;
  }
}

int32_t xnnpack_quantize(float value, float scale, int32_t zero, IntRange range) {
  const float stored = value / scale + static_cast<float>(zero);
  const float clamped =
      std::min(std::max(stored, static_cast<float>(range.low)), static_cast<float>(range.high));
  return static_cast<int32_t>(std::nearbyint(clamped));
}

IntRange xnnpack_range(Activation activation, const Operand& output) {
  const IntRange type = range_of(output.type);
  const FloatRange real = activation_range(activation);
  const auto bound = [&](float value) {
    return xnnpack_quantize(value, scale_of(output), zero_of(output), type);
  };
  IntRange range = type;
  if (real.low > FloatRange{}.low) range.low = bound(real.low);
  if (real.high < FloatRange{}.high) range.high = bound(real.high);
  return range;
}

XnnpackRatio xnnpack_ratio(const Operand& x, const Operand& y, float negative_slope) {
  const float ratio = scale_of(x) / scale_of(y);
  const auto fixed = [](float value) {
    return static_cast<int32_t>(std::nearbyint(256.0f * value));
  };
  return {.zero_x = zero_of(x),
          .multiplier = fixed(ratio),
          .negative_multiplier = fixed(ratio * negative_slope),
          .zero_y = zero_of(y),
          .range = range_of(y.type)};
}

XnnpackSum xnnpack_sum(const Operand& a, const Operand& b, const Operand& y, IntRange range,
                       bool subtract) {
  const float ratio_a = scale_of(a) / scale_of(y);
  const float ratio_b = scale_of(b) / scale_of(y);
  XnnpackSum s{
      .shift = 20 - std::ilogb(std::max(ratio_a, ratio_b)), .zero = zero_of(y), .range = range};
  const auto multiplier = [&](float ratio) {
    return static_cast<int32_t>(std::nearbyint(std::ldexp(ratio, s.shift)));
  };
  s.multiplier_a = multiplier(ratio_a);
  s.multiplier_b = multiplier(ratio_b) * (subtract ? -1 : 1);
  s.bias = (1 << (s.shift - 1)) - s.multiplier_a * zero_of(a) - s.multiplier_b * zero_of(b);
  return s;
}

}  // namespace smelt
