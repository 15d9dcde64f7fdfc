#include <cmath>
#include <optional>

#include "smelt/kernels/activation.h"
#include "smelt/kernels/fixed16.h"
#include "smelt/kernels/fixed_point_math.h"
#include "smelt/kernels/interpolated_sigmoid.h"
#include "smelt/kernels/lookup.h"

namespace smelt {
namespace {

constexpr int kIntegerBits = 4;

/// How an 8-bit input becomes a Fixed<4>, and from which distance on the function has ended.
struct InputScaling {
  FixedMultiplier multiplier;
  int32_t radius = 0;
};

InputScaling input_scaling(float scale) {
  int shift = 0;
  const double fraction =
      std::frexp(static_cast<double>(scale) * (1 << (31 - kIntegerBits)), &shift);
  const double radius = std::floor(std::ldexp(15.0 * (int64_t{1} << (31 - kIntegerBits)), -shift));
  InputScaling s;
  s.radius = static_cast<int32_t>(std::min(radius, 2147483647.0));
  // Beyond these shifts no input lies inside the radius, or the product is 0 whatever the input.
  if (shift >= -31 && shift <= 30) {
    const double fixed = std::min(std::round(fraction * 2147483648.0), 2147483647.0);
    s.multiplier = {static_cast<int32_t>(fixed), shift};
  }
  return s;
}

/// The int8 kernels' fixed-point path: `f` on Fixed<4>, whose result times 2^-shift plus the offset
/// is stored.
template <class F>
Kernel fixed_point_kernel(const Operand& x, int result_shift, int32_t offset, F f) {
  const InputScaling s = input_scaling(scale_of(x));
  return table_kernel<int8_t, int8_t>(
      x.shape.elements(), [=, zero = zero_of(x)](int32_t v) -> int32_t {
        const int32_t value = v - zero;
        if (value <= -s.radius) return -128;
        if (value >= s.radius) return 127;
        const Fixed<kIntegerBits> input{apply_multiplier(value, s.multiplier)};
        const int32_t result = rounding_divide_by_pot(f(input).raw, result_shift) + offset;
        return std::min(std::max(result, -128), 127);
      });
}

bool is_power_of_two(float scale, int& exponent) {
  const float log2 = std::log(scale) * (1.0f / std::log(2.0f));
  const float rounded = std::round(log2);
  exponent = static_cast<int>(rounded);
  return std::abs(log2 - rounded) < 1e-3f;
}

/// int16 input times multiplier, shifted right with rounding, counts in steps of 1 / (3 * 4096).
struct StepScaling {
  int32_t multiplier = 0;
  int shift = 0;

  int32_t steps(int16_t v) const {
    const int32_t round = shift > 0 ? 1 << (shift - 1) : 0;
    return wrapping_add(wrapping_mul(v, multiplier), round) >> shift;
  }
};

/// k where the input's scale is 2^-12 * 2^k, for k up to `limit`.
std::optional<int> power_of_two(const Operand& x, int limit) {
  int exponent = 0;
  const bool exact = is_power_of_two(scale_of(x), exponent);
  const int left = 12 + exponent;
  if (!exact || left < 0 || left > limit) return std::nullopt;
  return left;
}

/// Such input scales are exact (3 steps per unit).
StepScaling step_scaling(const Operand& x, int power_of_two_limit) {
  if (const auto left = power_of_two(x, power_of_two_limit)) return {3 << *left, 0};
  StepScaling s;
  double multiplier = static_cast<double>(scale_of(x)) * 4096.0 * 3.0;
  while (multiplier <= 32767.0 / 2.0 && s.shift <= 30) {
    ++s.shift;
    multiplier *= 2.0;
  }
  if (multiplier > 32767.0) {
    fail(ErrorKind::unsupported, "{} has scale {}, too large for the int16 kernel", x.name,
         scale_of(x));
  }
  s.multiplier = static_cast<int32_t>(multiplier);
  return s;
}

void require_fixed_int16_range(const PrepareArgs& args) {
  require_per_tensor(args.input(0));
  require_per_tensor(args.output());
  int exponent = 0;
  if (!is_power_of_two(scale_of(args.output()), exponent) || exponent != -15 ||
      zero_of(args.output()) != 0 || zero_of(args.input(0)) != 0) {
    fail(ErrorKind::unsupported,
         "{} has scale {} and zero point {}; the int16 kernel gives 1/32768 and 0, and wants an "
         "input with zero point 0",
         args.output().name, scale_of(args.output()), zero_of(args.output()));
  }
}

float logistic_float(float v) {
  // Beyond these the sum rounds to one of its terms; the lower bound keeps tiny results exact.
  if (v > 16.619047164916992188f) return 1.0f;
  if (v < -9.0f) return std::exp(v);
  return 1.0f / (1.0f + std::exp(-v));
}

}  // namespace

Kernel prepare_logistic(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_same_shape(x, y);
  const int64_t count = x.shape.elements();
  if (x.type == DataType::float32) return elementwise<float, float>(count, logistic_float);
  if (x.type == DataType::int16) {
    require_fixed_int16_range(args);
    if (args.numerics == Numerics::litert && power_of_two(x, 0)) {
      return elementwise<int16_t, int16_t>(
          count, [](int16_t v) { return fixed_logistic(Fixed16<3>{v}).raw; });
    }
    const StepScaling s = step_scaling(x, 0);
    return elementwise<int16_t, int16_t>(count,
                                         [s](int16_t v) { return logistic_int16(s.steps(v)); });
  }
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8, DataType::int16});
  require_per_tensor(x);
  require_per_tensor(y);
  if (x.type == DataType::int8 && zero_of(y) == -128 && args.numerics == Numerics::reference) {
    return fixed_point_kernel(x, 31 - 8, -128,
                              [](Fixed<kIntegerBits> a) { return fixed_logistic(a); });
  }
  return real_function_kernel_8bit(args, [](float v) { return 1.0f / (1.0f + std::exp(-v)); });
}

Kernel prepare_tanh(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_same_shape(x, y);
  const int64_t count = x.shape.elements();
  if (x.type == DataType::float32) {
    return elementwise<float, float>(count, [](float v) { return std::tanh(v); });
  }
  if (x.type == DataType::int16) {
    require_fixed_int16_range(args);
    const auto left = power_of_two(x, 1);
    if (args.numerics == Numerics::litert && left) {
      return elementwise<int16_t, int16_t>(count, [factor = 1 << *left](int16_t v) {
        return fixed_tanh(Fixed16<3>{saturate16(v * factor)}).raw;
      });
    }
    const StepScaling s = step_scaling(x, 1);
    return elementwise<int16_t, int16_t>(count, [s](int16_t v) { return tanh_int16(s.steps(v)); });
  }
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8, DataType::int16});
  require_per_tensor(x);
  require_per_tensor(y);
  if (x.type == DataType::int8 && zero_of(y) == 0 && args.numerics == Numerics::reference) {
    return fixed_point_kernel(x, 31 - 7, 0, [](Fixed<kIntegerBits> a) { return fixed_tanh(a); });
  }
  return real_function_kernel_8bit(args, [](float v) { return std::tanh(v); });
}

}  // namespace smelt
