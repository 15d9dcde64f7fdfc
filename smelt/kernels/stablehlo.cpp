#include "smelt/kernels/stablehlo.h"

#include <algorithm>

#include "smelt/kernels/number_types.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// f(a, b) on numbers as unsigned integers of the same width (or floats), so that they wrap.
template <class T, class F>
Kernel same_shape_kernel(int64_t count, F f) {
  return {[count, f](const InvokeArgs& run) {
    const T* a = run.in<T>(0);
    const T* b = run.in<T>(1);
    T* y = run.out<T>();
    for (int64_t i = 0; i < count; ++i) y[i] = f(a[i], b[i]);
  }};
}

template <class F>
Kernel elementwise_pair(const PrepareArgs& args, bool floats, F f) {
  const Operand& x = args.input(0);
  for (const Operand* other : {&args.input(1), &args.output()}) {
    require_same_type(x, *other);
    require_same_shape(x, *other);
  }
  if (!floats && is_floating_point(x.type)) fail_types(args);
  return with_number_type(
      x,
      {DataType::float32, DataType::float64, DataType::int8, DataType::uint8, DataType::int16,
       DataType::uint16, DataType::int32, DataType::uint32, DataType::int64, DataType::uint64,
       DataType::boolean},
      [&](auto zero) { return same_shape_kernel<decltype(zero)>(x.shape.elements(), f); });
}

/// Integers wrap: products of narrow types are computed in 64 bits without a sign.
template <class T, class F>
T wrapped(T a, T b, F f) {
  if constexpr (std::is_floating_point_v<T>) {
    return f(a, b);
  } else {
    return static_cast<T>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  }
}

}  // namespace

Kernel prepare_stablehlo_add(const PrepareArgs& args) {
  // True and true is true, not 2.
  const bool logical = args.input(0).type == DataType::boolean;
  return elementwise_pair(args, true, [logical](auto a, auto b) {
    if (logical) return static_cast<decltype(a)>(a != 0 || b != 0);
    return wrapped(a, b, [](auto l, auto r) { return l + r; });
  });
}

Kernel prepare_stablehlo_multiply(const PrepareArgs& args) {
  return elementwise_pair(args, true, [](auto a, auto b) {
    return wrapped(a, b, [](auto l, auto r) { return l * r; });
  });
}

Kernel prepare_stablehlo_maximum(const PrepareArgs& args) {
  return elementwise_pair(args, true, [](auto a, auto b) { return std::max(a, b); });
}

Kernel prepare_stablehlo_minimum(const PrepareArgs& args) {
  return elementwise_pair(args, true, [](auto a, auto b) { return std::min(a, b); });
}

Kernel prepare_stablehlo_and(const PrepareArgs& args) {
  return elementwise_pair(args, false, [](auto a, auto b) {
    if constexpr (std::is_integral_v<decltype(a)>) {
      return static_cast<decltype(a)>(a & b);
    } else {
      return a;
    }
  });
}

Kernel prepare_stablehlo_shift_left(const PrepareArgs& args) {
  return elementwise_pair(args, false, [](auto a, auto b) {
    if constexpr (std::is_integral_v<decltype(a)>) {
      const auto bits = static_cast<uint64_t>(b);
      if (bits >= 8 * sizeof(a)) return decltype(a){0};
      return static_cast<decltype(a)>(static_cast<uint64_t>(a) << bits);
    } else {
      return a;
    }
  });
}

}  // namespace smelt
