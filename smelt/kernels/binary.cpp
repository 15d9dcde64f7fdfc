#include "smelt/kernels/binary.h"

#include <cmath>
#include <type_traits>

#include "smelt/kernels/binary_int.h"
#include "smelt/kernels/broadcast.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

void require_one_type(const PrepareArgs& args) {
  require_same_type(args.input(0), args.input(1));
  require_same_type(args.input(0), args.output());
}

/// Calls f with a value of the type where it is one of the plain number types; else fails.
template <class F>
Kernel with_number_type(const PrepareArgs& args, F&& f) {
  switch (args.input(0).type) {
    case DataType::float32:
      return f(float{});
    case DataType::int32:
      return f(int32_t{});
    case DataType::int64:
      return f(int64_t{});
    default:
      fail_types(args);
  }
}

/// The same for ops that take int8 and int16 as plain integers.
template <class F>
Kernel with_narrow_types_too(const PrepareArgs& args, F&& f) {
  switch (args.input(0).type) {
    case DataType::int8:
      return f(int8_t{});
    case DataType::int16:
      return f(int16_t{});
    default:
      return with_number_type(args, f);
  }
}

/// Runs unsigned arithmetic for integers: signed overflow would be undefined.
template <class T, class F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_floating_point_v<T>) {
    return f(a, b);
  } else {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(f(static_cast<U>(a), static_cast<U>(b)));
  }
}

/// What a fused activation lets through in a number type that is not quantized.
template <class T>
struct Bounds {
  T low, high;
  T operator()(T v) const { return std::min(std::max(v, low), high); }
};

template <class T>
Bounds<T> bounds_of(Activation activation) {
  require_clamping(activation);
  using Limits = std::numeric_limits<T>;
  Bounds<T> bounds{Limits::lowest(), Limits::max()};
  if (activation == Activation::relu || activation == Activation::relu6) bounds.low = T{0};
  if (activation == Activation::relu6) bounds.high = T{6};
  if (activation == Activation::relu_n1_to_1) bounds = {T{-1}, T{1}};
  return bounds;
}

/// Integers without an activation need no clamp; floats keep it, as the reference does (it turns
/// infinities into the largest float).
template <class T, class F>
Kernel clamped_kernel(const PrepareArgs& args, Activation activation, F f) {
  const Bounds<T> bounds = bounds_of<T>(activation);
  if constexpr (std::is_integral_v<T>) {
    if (activation == Activation::none) return broadcast_kernel<T, T, T>(args, f);
  }
  return broadcast_kernel<T, T, T>(args, [f, bounds](T a, T b) { return bounds(f(a, b)); });
}

bool is_quantized_type(DataType type) {
  return type == DataType::int8 || type == DataType::uint8 || type == DataType::int16;
}

template <class T>
T divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return 0;
    if (b == -1) return wrapping(T{0}, a, std::minus<>());
  }
  return a / b;
}

template <class T>
T floor_divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    const T quotient = divide(a, b);
    const bool inexact = b != 0 && b != -1 && a % b != 0;
    return inexact && ((a < 0) != (b < 0)) ? quotient - 1 : quotient;
  } else {
    return static_cast<T>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
  }
}

template <class T>
T floor_modulo(T a, T b) {
  T rest;
  if constexpr (std::is_integral_v<T>) {
    if (b == 0 || b == -1) return 0;
    rest = a % b;
  } else {
    rest = std::fmod(a, b);
  }
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

template <class T>
T power(T base, T exponent) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::pow(base, exponent);
  } else {
    T result = exponent < 0 ? 0 : 1;
    for (; exponent > 0; exponent >>= 1) {
      if ((exponent & 1) != 0) result = wrapping(result, base, std::multiplies<>());
      base = wrapping(base, base, std::multiplies<>());
    }
    return result;
  }
}

/// MAXIMUM and MINIMUM: stored values are compared, whatever the type means.
template <class F>
Kernel prepare_choice(const PrepareArgs& args, F f) {
  require_one_type(args);
  switch (args.input(0).type) {
    case DataType::float32:
      return broadcast_kernel<float, float, float>(args, f);
    case DataType::int8:
      return broadcast_kernel<int8_t, int8_t, int8_t>(args, f);
    case DataType::uint8:
      return broadcast_kernel<uint8_t, uint8_t, uint8_t>(args, f);
    case DataType::int16:
      return broadcast_kernel<int16_t, int16_t, int16_t>(args, f);
    case DataType::int32:
      return broadcast_kernel<int32_t, int32_t, int32_t>(args, f);
    case DataType::int64:
      return broadcast_kernel<int64_t, int64_t, int64_t>(args, f);
    default:
      fail_types(args);
  }
}

}  // namespace

Kernel prepare_add(const PrepareArgs& args) {
  require_one_type(args);
  const Activation activation = attributes_of<ArithmeticAttributes>(args).activation;
  if (is_quantized_type(args.output().type)) return quantized_add(args, activation);
  return with_number_type(args, [&](auto zero) {
    using T = decltype(zero);
    return clamped_kernel<T>(args, activation,
                             [](T a, T b) { return wrapping(a, b, std::plus<>()); });
  });
}

Kernel prepare_sub(const PrepareArgs& args) {
  require_one_type(args);
  const Activation activation = attributes_of<ArithmeticAttributes>(args).activation;
  if (is_quantized_type(args.output().type)) return quantized_sub(args, activation);
  return with_number_type(args, [&](auto zero) {
    using T = decltype(zero);
    return clamped_kernel<T>(args, activation,
                             [](T a, T b) { return wrapping(a, b, std::minus<>()); });
  });
}

Kernel prepare_mul(const PrepareArgs& args) {
  require_one_type(args);
  const Activation activation = attributes_of<FusedAttributes>(args).activation;
  if (is_quantized_type(args.output().type)) return quantized_mul(args, activation);
  return with_number_type(args, [&](auto zero) {
    using T = decltype(zero);
    return clamped_kernel<T>(args, activation,
                             [](T a, T b) { return wrapping(a, b, std::multiplies<>()); });
  });
}

Kernel prepare_div(const PrepareArgs& args) {
  require_one_type(args);
  const Activation activation = attributes_of<FusedAttributes>(args).activation;
  if (is_quantized_type(args.output().type)) return quantized_div(args, activation);
  return with_number_type(args, [&](auto zero) {
    using T = decltype(zero);
    return clamped_kernel<T>(args, activation, divide<T>);
  });
}

Kernel prepare_maximum(const PrepareArgs& args) {
  return prepare_choice(args, [](auto a, auto b) { return a > b ? a : b; });
}

Kernel prepare_minimum(const PrepareArgs& args) {
  return prepare_choice(args, [](auto a, auto b) { return a < b ? a : b; });
}

Kernel prepare_squared_difference(const PrepareArgs& args) {
  require_one_type(args);
  if (is_quantized_type(args.output().type)) return quantized_squared_difference(args);
  return with_number_type(args, [&](auto zero) {
    using T = decltype(zero);
    return broadcast_kernel<T, T, T>(args, [](T a, T b) {
      const T difference = wrapping(a, b, std::minus<>());
      return wrapping(difference, difference, std::multiplies<>());
    });
  });
}

Kernel prepare_floor_div(const PrepareArgs& args) {
  require_one_type(args);
  return with_narrow_types_too(args, [&](auto zero) {
    using T = decltype(zero);
    return broadcast_kernel<T, T, T>(args, floor_divide<T>);
  });
}

Kernel prepare_floor_mod(const PrepareArgs& args) {
  require_one_type(args);
  return with_narrow_types_too(args, [&](auto zero) {
    using T = decltype(zero);
    return broadcast_kernel<T, T, T>(args, floor_modulo<T>);
  });
}

Kernel prepare_pow(const PrepareArgs& args) {
  require_one_type(args);
  return with_number_type(args, [&](auto zero) {
    using T = decltype(zero);
    return broadcast_kernel<T, T, T>(args, power<T>);
  });
}

Kernel prepare_atan2(const PrepareArgs& args) {
  require_one_type(args);
  require_type(args.output(), {DataType::float32});
  return broadcast_kernel<float, float, float>(args,
                                               [](float a, float b) { return std::atan2(a, b); });
}

Kernel prepare_add_n(const PrepareArgs& args) {
  const Operand& y = args.output();
  const size_t inputs = args.inputs.size();
  if (inputs == 0) fail(ErrorKind::bad_file, "ADD_N has no operands");
  for (size_t k = 0; k < inputs; ++k) {
    require_same_type(args.input(k), y);
    require_same_shape(args.input(k), y);
  }
  if (y.type == DataType::int8) return quantized_add_n(args);
  const int64_t count = y.shape.elements();
  const auto sum = [count, inputs](auto zero) {
    using T = decltype(zero);
    return Kernel{[count, inputs](const InvokeArgs& run) {
      T* out = run.out<T>();
      std::copy_n(run.in<T>(0), count, out);
      for (size_t k = 1; k < inputs; ++k) {
        const T* x = run.in<T>(k);
        for (int64_t i = 0; i < count; ++i) out[i] = wrapping(out[i], x[i], std::plus<>());
      }
    }};
  };
  if (y.type == DataType::int32) return sum(int32_t{});
  require_type(y, {DataType::float32, DataType::int32, DataType::int8});
  return sum(float{});
}

}  // namespace smelt
