#include "smelt/kernels/cast.h"

#include <cmath>
#include <type_traits>

#include "smelt/base/half.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// float16 bits, a type of their own so that overloads tell them from uint16.
struct Half {
  uint16_t bits;
};

template <class To, class From>
To cast_value(From v) {
  if constexpr (std::is_same_v<From, Half>) {
    return cast_value<To>(half_to_float(v.bits));
  } else if constexpr (std::is_same_v<To, Half>) {
    return Half{float_to_half(static_cast<float>(v))};
  } else if constexpr (std::is_same_v<To, bool>) {
    return v != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(v)) return 0;
    // The largest values of wide integers round up to a power of two, which does not fit.
    if (v >= static_cast<From>(Limits::max())) return Limits::max();
    if (v <= static_cast<From>(Limits::min())) return Limits::min();
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

template <class F>
Kernel with_cast_type(const PrepareArgs& args, DataType type, F&& f) {
  switch (type) {
    case DataType::float32:
      return f(float{});
    case DataType::float64:
      return f(double{});
    case DataType::float16:
      return f(Half{});
    case DataType::boolean:
      return f(bool{});
    case DataType::int8:
      return f(int8_t{});
    case DataType::uint8:
      return f(uint8_t{});
    case DataType::int16:
      return f(int16_t{});
    case DataType::uint16:
      return f(uint16_t{});
    case DataType::int32:
      return f(int32_t{});
    case DataType::uint32:
      return f(uint32_t{});
    case DataType::int64:
      return f(int64_t{});
    case DataType::uint64:
      return f(uint64_t{});
    default:
      fail_types(args);
  }
}

int8_t int4_at(const uint8_t* packed, int64_t i) {
  const uint8_t byte = packed[i / 2];
  const auto shifted = static_cast<int8_t>(i % 2 == 0 ? byte << 4 : byte);
  return static_cast<int8_t>(shifted >> 4);
}

}  // namespace

Kernel prepare_cast(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_elements(x, y);
  const int64_t count = x.shape.elements();
  return with_cast_type(args, y.type, [&](auto to) {
    using To = decltype(to);
    if (x.type == DataType::int4) {
      return Kernel{[count](const InvokeArgs& run) {
        for (int64_t i = 0; i < count; ++i) {
          run.out<To>()[i] = cast_value<To>(int4_at(run.in<uint8_t>(0), i));
        }
      }};
    }
    return with_cast_type(args, x.type, [&](auto from) {
      using From = decltype(from);
      return elementwise<From, To>(count, [](From v) { return cast_value<To>(v); });
    });
  });
}

}  // namespace smelt
