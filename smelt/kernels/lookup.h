#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/litert_rules.h"
#include "smelt/kernels/operands.h"

namespace smelt {

/// y[i] = table[x[i]] for an 8-bit type, the table filled at prepare time from f(stored value),
/// whose result is already a stored value of the output. Every elementwise 8-bit kernel is this:
/// exact by construction, and one load per element.
template <class In, class Out, class F>
Kernel table_kernel(int64_t count, F f) {
  static_assert(sizeof(In) == 1);
  std::array<Out, 256> table;
  for (int32_t v = std::numeric_limits<In>::min(); v <= std::numeric_limits<In>::max(); ++v) {
    table[static_cast<uint8_t>(v)] = static_cast<Out>(f(v));
  }
  return {[count, table](const InvokeArgs& args) {
    const uint8_t* x = args.in<uint8_t>(0);
    const Out* values = table.data();
    Out* y = args.out<Out>();
    for (int64_t i = 0; i < count; ++i) y[i] = values[x[i]];
  }};
}

/// Calls f with a value of the 8-bit type (int8 or uint8).
template <class F>
auto with_8bit_type(DataType type, F&& f) {
  return type == DataType::uint8 ? f(uint8_t{}) : f(int8_t{});
}

/// Stored output for a stored 8-bit input of a real function: quantize(f(dequantize(v))) in float
/// arithmetic, as LiteRT's LUTPopulate fills its tables.
template <class F>
auto real_function_8bit(const Operand& x, const Operand& y, F f) {
  const float scale = scale_of(x), inverse = 1.0f / scale_of(y);
  const int32_t zero_x = zero_of(x), zero_y = zero_of(y);
  const IntRange range = range_of(y.type);
  return [=](int32_t v) {
    const float real = f(scale * static_cast<float>(v - zero_x));
    const float rescaled = std::round(real * inverse) + static_cast<float>(zero_y);
    if (!(rescaled > static_cast<float>(range.low))) return range.low;
    if (rescaled > static_cast<float>(range.high)) return range.high;
    return static_cast<int32_t>(rescaled);
  };
}

/// The kernel of a real function on 8-bit operands of one type; where XNNPACK runs it, its table is
/// rounded to even.
template <class F>
Kernel real_function_kernel_8bit(const PrepareArgs& args, F f) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  const bool to_even = xnnpack_takes(args);
  return with_8bit_type(x.type, [&](auto zero) {
    using T = decltype(zero);
    if (!to_even) return table_kernel<T, T>(x.shape.elements(), real_function_8bit(x, y, f));
    return table_kernel<T, T>(x.shape.elements(), [&, inverse = 1.0f / scale_of(y)](int32_t v) {
      const float real = f(scale_of(x) * static_cast<float>(v - zero_of(x)));
      return apply_scale(real, inverse, zero_of(y), range_of(y.type));
    });
  });
}

/// 513 samples of a function over all int16 inputs (LUTPopulateInt16); between them one
/// interpolates linearly.
using Int16Table = std::array<int16_t, 513>;

template <class F>
Int16Table make_int16_table(float x_scale, int32_t x_zero, float y_scale, int32_t y_zero, F f) {
  constexpr int kSteps = 512;
  constexpr float kLow = -32768.0f, kHigh = 32767.0f;
  const float x_low = x_scale * static_cast<float>(-32768 - x_zero);
  const float x_high = x_scale * static_cast<float>(32767 - x_zero);
  const float y_low = y_scale * static_cast<float>(-32768 - y_zero);
  const float y_high = y_scale * static_cast<float>(32767 - y_zero);
  const float step = (x_high - x_low) / kSteps;
  const float half_step = step / 2;
  const float inverse = 65536.0f / (y_high - y_low);
  const auto store = [&](float value) {
    return static_cast<int16_t>(std::min(std::max(value, kLow), kHigh));
  };
  Int16Table table;
  for (int i = 0; i < kSteps; ++i) {
    const float at = x_low + static_cast<float>(i) * step;
    const float value = f(at);
    const float middle = f(at + half_step);
    const float next = f(x_low + static_cast<float>(i + 1) * step);
    const float sample = std::round(value * inverse);
    const float interpolated = std::round((next * inverse + std::round(value * inverse)) / 2);
    const float error = interpolated - std::round(middle * inverse);
    table[static_cast<size_t>(i)] = store(sample - std::round(error / 2));
  }
  table[kSteps] = store(std::round(f(x_high) * inverse));
  return table;
}

inline int16_t lookup(const Int16Table& table, int16_t value) {
  const auto index = static_cast<size_t>(256 + (value >> 7));
  const int32_t base = table[index];
  const auto slope = static_cast<int16_t>(table[index + 1] - base);
  return static_cast<int16_t>(base + ((slope * (value & 0x7f) + 64) >> 7));
}

/// The kernel of a real function on int16 operands.
template <class F>
Kernel real_function_kernel_16bit(const PrepareArgs& args, F f) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  const Int16Table table = make_int16_table(scale_of(x), zero_of(x), scale_of(y), zero_of(y), f);
  return elementwise<int16_t, int16_t>(x.shape.elements(),
                                       [table](int16_t v) { return lookup(table, v); });
}

}  // namespace smelt
