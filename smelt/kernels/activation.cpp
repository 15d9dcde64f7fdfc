#include "smelt/kernels/activation.h"

#include <cmath>

#include "smelt/kernels/broadcast.h"
#include "smelt/kernels/litert_rules.h"
#include "smelt/kernels/lookup.h"

namespace smelt {
namespace {

const Operand& checked_input(const PrepareArgs& args) {
  require_same_type(args.input(0), args.output());
  require_same_shape(args.input(0), args.output());
  return args.input(0);
}

void require_both_per_tensor(const PrepareArgs& args) {
  require_per_tensor(args.input(0));
  require_per_tensor(args.output());
}

/// Stored values rescaled from input to output, then clamped to [low, high] of the real numbers.
Kernel clamp_rescaled(const PrepareArgs& args, float low, float high) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  const FixedMultiplier m = quantize_multiplier(scale_ratio(x, y, 1.0f, args.numerics));
  IntRange range = range_of(y.type);
  range.low = std::max(range.low, quantize_bound(low, scale_of(y), zero_of(y)));
  if (std::isfinite(high)) {
    range.high = std::min(range.high, quantize_bound(high, scale_of(y), zero_of(y)));
  }
  const auto f = [m, range, zero_x = zero_of(x), zero_y = zero_of(y)](int32_t v) {
    const int32_t value = wrapping_add(zero_y, apply_multiplier(v - zero_x, m));
    return std::min(std::max(value, range.low), range.high);
  };
  const int64_t count = x.shape.elements();
  if (x.type == DataType::int16) {
    return elementwise<int16_t, int16_t>(count, f);
  }
  return with_8bit_type(x.type, [&](auto zero) {
    using T = decltype(zero);
    return table_kernel<T, T>(count, f);
  });
}

Kernel prepare_clamp(const PrepareArgs& args, float low, float high) {
  const Operand& x = checked_input(args);
  const int64_t count = x.shape.elements();
  if (x.type == DataType::float32) {
    return elementwise<float, float>(count, [low, high](float v) {
      const float above = v < low ? low : v;
      return above > high ? high : above;
    });
  }
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8, DataType::int16});
  require_both_per_tensor(args);
  return clamp_rescaled(args, low, high);
}

}  // namespace

Kernel prepare_relu(const PrepareArgs& args) {
  return prepare_clamp(args, 0.0f, std::numeric_limits<float>::infinity());
}

Kernel prepare_relu6(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  // TFLite Micro clamps stored values as if input and output had one scale; LiteRT rescales.
  const bool rescales = args.numerics == Numerics::litert;
  if (rescales || (x.type != DataType::int8 && x.type != DataType::int16)) {
    return prepare_clamp(args, 0.0f, 6.0f);
  }
  require_both_per_tensor(args);
  const IntRange type = range_of(x.type);
  const double six = std::round(6.0f / scale_of(x)) + static_cast<double>(zero_of(x));
  const auto high = static_cast<int32_t>(
      std::min(std::max(six, static_cast<double>(type.low)), static_cast<double>(type.high)));
  const auto f = [low = zero_of(x), high](int32_t v) {
    return v > high ? high : v < low ? low : v;
  };
  if (x.type == DataType::int16) return elementwise<int16_t, int16_t>(x.shape.elements(), f);
  return table_kernel<int8_t, int8_t>(x.shape.elements(), f);
}

Kernel prepare_relu_n1_to_1(const PrepareArgs& args) { return prepare_clamp(args, -1.0f, 1.0f); }
Kernel prepare_relu_0_to_1(const PrepareArgs& args) { return prepare_clamp(args, 0.0f, 1.0f); }

Kernel prepare_leaky_relu(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  const Operand& y = args.output();
  const float alpha = attributes_of<LeakyReluAttributes>(args).alpha;
  const int64_t count = x.shape.elements();
  if (x.type == DataType::float32) {
    return elementwise<float, float>(count, [alpha](float v) { return v > 0 ? v : v * alpha; });
  }
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8, DataType::int16});
  require_both_per_tensor(args);
  if (xnnpack_takes(args)) {
    return with_8bit_type(x.type, [&](auto zero) {
      using T = decltype(zero);
      return table_kernel<T, T>(count, xnnpack_ratio(x, y, alpha));
    });
  }
  const double alpha_ratio = scale_ratio(x, y, alpha, args.numerics);
  const FixedMultiplier identity = quantize_multiplier(scale_ratio(x, y, 1.0f, args.numerics));
  // The sign is applied last: a negative multiplier would round the other way.
  const FixedMultiplier slope = quantize_multiplier(std::abs(alpha_ratio));
  const bool negative = alpha_ratio < 0;
  const auto f = [=, zero_x = zero_of(x), zero_y = zero_of(y),
                  range = range_of(y.type)](int32_t v) {
    const int32_t value = v - zero_x;
    int32_t scaled = apply_multiplier(value, value >= 0 ? identity : slope);
    if (value < 0 && negative) scaled = -scaled;
    return clamp(wrapping_add(zero_y, scaled), range);
  };
  if (x.type == DataType::int16) return elementwise<int16_t, int16_t>(count, f);
  return with_8bit_type(x.type, [&](auto zero) {
    using T = decltype(zero);
    return table_kernel<T, T>(count, f);
  });
}

Kernel prepare_prelu(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  const Operand& alpha = args.input(1);
  const Operand& y = args.output();
  if (x.type == DataType::float32 && alpha.type == DataType::float32) {
    return broadcast_kernel<float, float, float>(
        args, [](float v, float a) { return v >= 0.0f ? v : v * a; });
  }
  const bool wide = x.type == DataType::int16 && alpha.type == DataType::int8;
  const bool narrow =
      (x.type == DataType::int8 || x.type == DataType::uint8) && alpha.type == x.type;
  if (!wide && !narrow) fail_types(args);
  require_both_per_tensor(args);
  require_per_tensor(alpha);
  const FixedMultiplier identity = quantize_multiplier(scale_ratio(x, y, 1.0f, args.numerics));
  const FixedMultiplier slope =
      quantize_multiplier(scale_ratio(x, y, scale_of(alpha), args.numerics));
  const auto f = [=, zero_x = zero_of(x), zero_a = zero_of(alpha), zero_y = zero_of(y),
                  range = range_of(y.type)](int32_t v, int32_t a) {
    const int32_t value = v - zero_x;
    const int32_t scaled = value >= 0 ? apply_multiplier(value, identity)
                                      : apply_multiplier(wrapping_mul(value, a - zero_a), slope);
    return clamp(wrapping_add(scaled, zero_y), range);
  };
  if (wide) return broadcast_kernel<int16_t, int8_t, int16_t>(args, f);
  return with_8bit_type(x.type, [&](auto zero) {
    using T = decltype(zero);
    return broadcast_kernel<T, T, T>(args, f);
  });
}

Kernel prepare_elu(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  if (x.type == DataType::float32) {
    return elementwise<float, float>(x.shape.elements(),
                                     [](float v) { return v < 0.0f ? std::expm1(v) : v; });
  }
  require_type(x, {DataType::float32, DataType::int8});
  return real_function_kernel_8bit(args, [](float v) { return v < 0.0f ? std::exp(v) - 1.0f : v; });
}

Kernel prepare_gelu(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  const bool approximate = attributes_of<GeluAttributes>(args).approximate;
  const auto f = [approximate](float v) {
    constexpr float kSqrt2OverPi = 0.79788456080286535588f;
    constexpr float kMinusSqrtHalf = -0.70710678118654752440f;
    if (!approximate) return 0.5f * v * std::erfc(v * kMinusSqrtHalf);
    return 0.5f * v * (1.0f + std::tanh(kSqrt2OverPi * (v + 0.044715f * v * v * v)));
  };
  if (x.type == DataType::float32) return elementwise<float, float>(x.shape.elements(), f);
  if (x.type == DataType::int16) return real_function_kernel_16bit(args, f);
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8, DataType::int16});
  return real_function_kernel_8bit(args, f);
}

}  // namespace smelt
