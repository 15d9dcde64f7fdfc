#include "smelt/kernels/unary.h"

#include <algorithm>
#include <cmath>

#include "smelt/kernels/fixed_point_math.h"
#include "smelt/kernels/lookup.h"

namespace smelt {
namespace {

const Operand& checked_input(const PrepareArgs& args) {
  require_same_type(args.input(0), args.output());
  require_same_shape(args.input(0), args.output());
  return args.input(0);
}

template <class F>
Kernel float_kernel(const PrepareArgs& args, F f) {
  const Operand& x = checked_input(args);
  require_type(x, {DataType::float32});
  return elementwise<float, float>(x.shape.elements(), f);
}

/// float32 directly, 8 and 16 bits by tables of the real function.
template <class F>
Kernel tabulated_kernel(const PrepareArgs& args, F f) {
  const Operand& x = checked_input(args);
  if (x.type == DataType::int8) return real_function_kernel_8bit(args, f);
  if (x.type == DataType::int16) return real_function_kernel_16bit(args, f);
  return float_kernel(args, f);
}

template <class T>
T wrapping_negate(T v) {
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(U{0} - static_cast<U>(v));
}

template <class T, class F>
Kernel stored_kernel(int64_t count, F f) {
  if constexpr (sizeof(T) == 1) {
    return table_kernel<T, T>(count, f);
  } else {
    return elementwise<T, T>(count, [f](T v) { return static_cast<T>(f(v)); });
  }
}

/// Rounds a multiplier's application that may shift further right than 31 bits, which gives 0.
int32_t apply_any_shift(int32_t value, FixedMultiplier m) {
  return m.shift < -31 ? 0 : apply_multiplier(value, m);
}

template <class T>
Kernel quantized_rsqrt(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  constexpr int kShift = 20;  // keeps 1 / sqrt(value) an integer
  const FixedMultiplier m =
      quantize_multiplier(1.0 / static_cast<double>(std::sqrt(scale_of(x)) * scale_of(y)));
  const auto f = [m, zero_x = zero_of(x), zero_y = zero_of(y),
                  range = range_of(y.type)](int32_t v) {
    const int32_t value = v - zero_x;
    if (value <= 0) return range.high;
    FixedMultiplier inverse = inverse_sqrt(value);
    inverse.shift += kShift;
    const int32_t root = apply_any_shift(1, inverse);
    const int32_t scaled = apply_any_shift(root, {m.multiplier, m.shift - kShift});
    return clamp(wrapping_add(scaled, zero_y), range);
  };
  return stored_kernel<T>(x.shape.elements(), f);
}

template <class T>
Kernel quantized_abs(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  const bool rescale_needed = scale_of(x) != scale_of(y);
  const FixedMultiplier m = quantize_multiplier(scale_ratio(x, y, 1.0f, args.numerics));
  const auto f = [=, zero_x = zero_of(x), zero_y = zero_of(y),
                  range = range_of(y.type)](int32_t v) {
    const int32_t value = std::abs(v - zero_x);
    return clamp(wrapping_add(rescale_needed ? apply_multiplier(value, m) : value, zero_y), range);
  };
  return stored_kernel<T>(x.shape.elements(), f);
}

/// SqrtEvalQuantized of elementwise.cc: in float, cut off towards zero. It fails for negative
/// values, which give 0 here.
template <class T>
Kernel quantized_sqrt(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  const auto f = [zero_x = zero_of(x), scale_x = scale_of(x), zero_y = zero_of(y),
                  scale_y = scale_of(y), range = range_of(y.type)](int32_t v) {
    const float root = std::sqrt(std::max(scale_x * static_cast<float>(v - zero_x), 0.0f));
    const float steps = std::min(root / scale_y, 65536.0f);
    return clamp(static_cast<int32_t>(steps) + zero_y, range);
  };
  return stored_kernel<T>(x.shape.elements(), f);
}

}  // namespace

Kernel prepare_abs(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  const int64_t count = x.shape.elements();
  switch (x.type) {
    case DataType::int8:
      return quantized_abs<int8_t>(args);
    case DataType::int16:
      if (x.quantization->quantized()) return quantized_abs<int16_t>(args);
      return elementwise<int16_t, int16_t>(
          count, [](int16_t v) { return v < 0 ? wrapping_negate(v) : v; });
    case DataType::int32:
      return elementwise<int32_t, int32_t>(
          count, [](int32_t v) { return v < 0 ? wrapping_negate(v) : v; });
    default:
      return float_kernel(args, [](float v) { return std::abs(v); });
  }
}

Kernel prepare_neg(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  const int64_t count = x.shape.elements();
  // LiteRT negates what is stored, whatever the scales and zero points.
  if (x.type == DataType::int8) return elementwise<int8_t, int8_t>(count, wrapping_negate<int8_t>);
  if (x.type == DataType::int16)
    return elementwise<int16_t, int16_t>(count, wrapping_negate<int16_t>);
  if (x.type == DataType::int32)
    return elementwise<int32_t, int32_t>(count, wrapping_negate<int32_t>);
  if (x.type == DataType::int64)
    return elementwise<int64_t, int64_t>(count, wrapping_negate<int64_t>);
  return float_kernel(args, [](float v) { return -v; });
}

Kernel prepare_exp(const PrepareArgs& args) {
  return tabulated_kernel(args, [](float v) { return std::exp(v); });
}

Kernel prepare_log(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  if (x.type == DataType::float32) return float_kernel(args, [](float v) { return std::log(v); });
  // The smallest storable value stands for the logarithm of what is not positive.
  const Operand& y = args.output();
  require_per_tensor(y);
  const float lowest = scale_of(y) * static_cast<float>(range_of(y.type).low - zero_of(y));
  return tabulated_kernel(args, [lowest](float v) { return v > 0.0f ? std::log(v) : lowest; });
}

Kernel prepare_sqrt(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  if (x.type == DataType::int8) return quantized_sqrt<int8_t>(args);
  if (x.type == DataType::int16 && x.quantization->quantized()) {
    return quantized_sqrt<int16_t>(args);
  }
  return float_kernel(args, [](float v) { return std::sqrt(v); });
}

Kernel prepare_rsqrt(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  if (x.type == DataType::int8) return quantized_rsqrt<int8_t>(args);
  if (x.type == DataType::int16) return quantized_rsqrt<int16_t>(args);
  return float_kernel(args, [](float v) { return 1.0f / std::sqrt(v); });
}

Kernel prepare_square(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  const int64_t count = x.shape.elements();
  if (x.type == DataType::int32) {
    return elementwise<int32_t, int32_t>(count, [](int32_t v) { return wrapping_mul(v, v); });
  }
  if (x.type == DataType::int64) {
    return elementwise<int64_t, int64_t>(count, [](int64_t v) {
      return static_cast<int64_t>(static_cast<uint64_t>(v) * static_cast<uint64_t>(v));
    });
  }
  return float_kernel(args, [](float v) { return v * v; });
}

Kernel prepare_sin(const PrepareArgs& args) {
  return float_kernel(args, [](float v) { return std::sin(v); });
}
Kernel prepare_cos(const PrepareArgs& args) {
  return float_kernel(args, [](float v) { return std::cos(v); });
}
Kernel prepare_floor(const PrepareArgs& args) {
  return float_kernel(args, [](float v) { return std::floor(v); });
}
Kernel prepare_ceil(const PrepareArgs& args) {
  return float_kernel(args, [](float v) { return std::ceil(v); });
}
Kernel prepare_round(const PrepareArgs& args) {
  return float_kernel(args, [](float v) { return std::nearbyint(v); });
}

Kernel prepare_sign(const PrepareArgs& args) {
  const Operand& x = checked_input(args);
  const auto sign = [](auto v) { return static_cast<decltype(v)>(v > 0 ? 1 : v < 0 ? -1 : 0); };
  if (x.type == DataType::int32) return elementwise<int32_t, int32_t>(x.shape.elements(), sign);
  return float_kernel(args, sign);
}

}  // namespace smelt
