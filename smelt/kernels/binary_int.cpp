#include "smelt/kernels/binary_int.h"

#include <bit>

#include "smelt/kernels/broadcast.h"
#include "smelt/kernels/byte_rows.h"
#include "smelt/kernels/fixed_point_math.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

void require_all_per_tensor(const PrepareArgs& args) {
  for (const Operand& operand : args.inputs) require_per_tensor(operand);
  require_per_tensor(args.output());
}

/// Calls f with a value of the operands' type.
template <class F>
Kernel with_quantized_type(DataType type, F&& f) {
  if (type == DataType::int16) return f(int16_t{});
  if (type == DataType::uint8) return f(uint8_t{});
  return f(int8_t{});
}

/// QuantizeMultiplierSmallerThanOneExp: the kernels below only shift right afterwards.
FixedMultiplier multiplier_below_one(double value, const Operand& named) {
  if (!(value > 0.0 && value < 1.0)) {
    fail(ErrorKind::unsupported,
         "{} has scale {}, which does not fit the scales of the other operands (ratio {}, must be "
         "below 1)",
         named.name, scale_of(named), value);
  }
  const FixedMultiplier m = quantize_multiplier(value);
  if (m.shift > 0) {
    fail(ErrorKind::unsupported, "{} has scale {}; its ratio to the others rounds to 1", named.name,
         scale_of(named));
  }
  return m;
}

int32_t scale_down(int32_t value, FixedMultiplier m) {
  return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(value, m.multiplier),
                                -m.shift);
}

/// Brings an operand to the common scale: (v - zero) * 2^left * multiplier.
struct Rescaled {
  int32_t zero = 0;
  int left = 0;
  FixedMultiplier multiplier;

  int32_t operator()(int32_t v) const {
    return scale_down(wrapping_shift_left(wrapping_add(v, -zero), left), multiplier);
  }
};

/// From the common scale to the stored output.
struct Stored {
  FixedMultiplier multiplier;
  int32_t zero = 0;
  IntRange range;

  int32_t operator()(int32_t v) const {
    return clamp(wrapping_add(scale_down(v, multiplier), zero), range);
  }
};

struct Sum {
  Rescaled a, b;
  Stored y;
};

/// Both operands at twice the larger scale, ratios in double (see scale_ratio).
Sum make_sum(const PrepareArgs& args, Activation activation) {
  require_all_per_tensor(args);
  require_clamping(activation);
  const Operand& a = args.input(0);
  const Operand& b = args.input(1);
  const Operand& y = args.output();
  const int left = y.type == DataType::int16 ? 15 : 20;
  const double twice = 2 * static_cast<double>(std::max(scale_of(a), scale_of(b)));
  const double ratio_a = static_cast<double>(scale_of(a)) / twice;
  const double ratio_b = static_cast<double>(scale_of(b)) / twice;
  const double ratio_y = twice / ((1 << left) * static_cast<double>(scale_of(y)));
  return {.a = {zero_of(a), left, multiplier_below_one(ratio_a, a)},
          .b = {zero_of(b), left, multiplier_below_one(ratio_b, b)},
          .y = {multiplier_below_one(ratio_y, y), zero_of(y), activation_range(activation, y)}};
}

template <class F>
Kernel integer_kernel(const PrepareArgs& args, F f) {
  return with_quantized_type(args.output().type, [&](auto zero) {
    using T = decltype(zero);
    return broadcast_kernel<T, T, T>(args, [f](T a, T b) { return static_cast<T>(f(a, b)); });
  });
}

bool takes_vectors(const PrepareArgs& args) {
  return args.choice == KernelChoice::fastest && args.output().type != DataType::int16;
}

/// A kernel of whole rows: f(a, whether it advances, b, whether it advances, y, count).
template <class T, class F>
Kernel row_kernel(const PrepareArgs& args, F f) {
  const auto plan = make_broadcast<2>({&args.input(0), &args.input(1)}, args.output());
  return {[plan, f](const InvokeArgs& run) {
    plan.for_each_row([&](int64_t out, const std::array<int64_t, 2>& offset) {
      f(run.in<T>(0) + offset[0], plan.advances[0], run.in<T>(1) + offset[1], plan.advances[1],
        run.out<T>() + out, plan.row);
    });
  }};
}

/// Calls f(rows of T, a value of T) for the 8-bit type of the operands.
template <class F>
Kernel with_rows(const PrepareArgs& args, F&& f) {
  return args.output().type == DataType::int8 ? f(int8_rows(), int8_t{})
                                              : f(uint8_rows(), uint8_t{});
}

Kernel sum_rows(const PrepareArgs& args, const Sum& s, bool subtract) {
  const SumRow row{.zero_a = s.a.zero,
                   .zero_b = s.b.zero,
                   .zero_y = s.y.zero,
                   .left = s.a.left,
                   .a = s.a.multiplier,
                   .b = s.b.multiplier,
                   .y = s.y.multiplier,
                   .subtract = subtract,
                   .range = s.y.range};
  return with_rows(args, [&](auto rows, auto zero) {
    using T = decltype(zero);
    return row_kernel<T>(args, [row, rows](auto... operands) { rows.sum(row, operands...); });
  });
}

Kernel product_rows(const PrepareArgs& args, const ProductRow& row) {
  return with_rows(args, [&](auto rows, auto zero) {
    using T = decltype(zero);
    return row_kernel<T>(args, [row, rows](auto... operands) { rows.product(row, operands...); });
  });
}

Kernel xnnpack_sum_kernel(const PrepareArgs& args, Activation activation, bool subtract) {
  require_all_per_tensor(args);
  const Operand& y = args.output();
  const XnnpackSum s =
      xnnpack_sum(args.input(0), args.input(1), y, xnnpack_range(activation, y), subtract);
  if (!takes_vectors(args)) return integer_kernel(args, s);
  return with_rows(args, [&](auto rows, auto zero) {
    using T = decltype(zero);
    return row_kernel<T>(args, [s, rows](auto... operands) { rows.xnnpack_sum(s, operands...); });
  });
}

Kernel xnnpack_product_kernel(const PrepareArgs& args, Activation activation) {
  require_all_per_tensor(args);
  const Operand& a = args.input(0);
  const Operand& b = args.input(1);
  const Operand& y = args.output();
  const ScaledProductRow row{.zero_a = zero_of(a),
                             .zero_b = zero_of(b),
                             .zero_y = zero_of(y),
                             .scale = scale_of(a) * scale_of(b) / scale_of(y),
                             .range = xnnpack_range(activation, y)};
  if (!takes_vectors(args)) {
    return integer_kernel(args, [row](int32_t va, int32_t vb) {
      return apply_scale((va - row.zero_a) * (vb - row.zero_b), row.scale, row.zero_y, row.range);
    });
  }
  return with_rows(args, [&](auto rows, auto zero) {
    using T = decltype(zero);
    return row_kernel<T>(args,
                         [row, rows](auto... operands) { rows.scaled_product(row, operands...); });
  });
}

}  // namespace

Kernel quantized_add(const PrepareArgs& args, Activation activation) {
  if (xnnpack_takes(args)) return xnnpack_sum_kernel(args, activation, false);
  const Sum s = make_sum(args, activation);
  if (takes_vectors(args)) return sum_rows(args, s, false);
  return integer_kernel(args,
                        [s](int32_t a, int32_t b) { return s.y(wrapping_add(s.a(a), s.b(b))); });
}

Kernel quantized_sub(const PrepareArgs& args, Activation activation) {
  if (xnnpack_takes(args)) return xnnpack_sum_kernel(args, activation, true);
  const Sum s = make_sum(args, activation);
  if (takes_vectors(args)) return sum_rows(args, s, true);
  return integer_kernel(args,
                        [s](int32_t a, int32_t b) { return s.y(wrapping_add(s.a(a), -s.b(b))); });
}

Kernel quantized_mul(const PrepareArgs& args, Activation activation) {
  if (xnnpack_takes(args)) return xnnpack_product_kernel(args, activation);
  require_all_per_tensor(args);
  require_clamping(activation);
  const Operand& a = args.input(0);
  const Operand& b = args.input(1);
  const Operand& y = args.output();
  const FixedMultiplier m = quantize_multiplier(scale_ratio(a, y, scale_of(b), args.numerics));
  const ProductRow row{.zero_a = zero_of(a),
                       .zero_b = zero_of(b),
                       .zero_y = zero_of(y),
                       .y = m,
                       .range = activation_range(activation, y)};
  if (takes_vectors(args)) return product_rows(args, row);
  return integer_kernel(args, [row](int32_t va, int32_t vb) {
    const int32_t product = wrapping_mul(va - row.zero_a, vb - row.zero_b);
    return clamp(wrapping_add(row.zero_y, apply_multiplier(product, row.y)), row.range);
  });
}

Kernel quantized_div(const PrepareArgs& args, Activation activation) {
  require_all_per_tensor(args);
  require_clamping(activation);
  const Operand& a = args.input(0);
  const Operand& b = args.input(1);
  const Operand& y = args.output();
  const FixedMultiplier m =
      quantize_multiplier(static_cast<double>(scale_of(a) / (scale_of(b) * scale_of(y))));
  const auto f = [m, zero_a = zero_of(a), zero_b = zero_of(b), zero_y = zero_of(y),
                  range = activation_range(activation, y)](int32_t va, int32_t vb) {
    int32_t numerator = va - zero_a, divisor = vb - zero_b;
    if (divisor == 0) return numerator > 0 ? range.high : numerator < 0 ? range.low : zero_y;
    if (divisor < 0) {
      numerator = -numerator;
      divisor = -divisor;
    }
    const Reciprocal inverse = reciprocal(divisor, 31);
    const int headroom = numerator == 0 ? 31 : __builtin_clrsb(numerator);
    const int32_t quotient = saturating_rounding_doubling_high_mul(
        wrapping_shift_left(numerator, headroom), inverse.value);
    const int shift = m.shift - inverse.bits_over_unit - headroom;
    int32_t scaled = saturating_rounding_doubling_high_mul(quotient, m.multiplier);
    // The reference only shifts right; the other cases are results far outside of the range.
    scaled = shift > 0     ? saturating_multiply_by_pot(scaled, std::min(shift, 30))
             : shift < -31 ? 0
                           : rounding_divide_by_pot(scaled, -shift);
    const int64_t unclamped = static_cast<int64_t>(scaled) + zero_y;
    return static_cast<int32_t>(std::clamp<int64_t>(unclamped, range.low, range.high));
  };
  return integer_kernel(args, f);
}

Kernel quantized_squared_difference(const PrepareArgs& args) {
  require_all_per_tensor(args);
  const Operand& a = args.input(0);
  const Operand& b = args.input(1);
  const Operand& y = args.output();
  const int left = y.type == DataType::int16 ? 0 : 7;
  const double twice = 2.0 * static_cast<double>(std::max(scale_of(a), scale_of(b)));
  const double divisor = static_cast<double>(static_cast<float>(1 << (2 * left)) * scale_of(y));
  const FixedMultiplier m = quantize_multiplier(twice * twice / divisor);
  const Rescaled ra{zero_of(a), left,
                    multiplier_below_one(static_cast<double>(scale_of(a)) / twice, a)};
  const Rescaled rb{zero_of(b), left,
                    multiplier_below_one(static_cast<double>(scale_of(b)) / twice, b)};
  const auto f = [=, zero_y = zero_of(y), range = range_of(y.type)](int32_t va, int32_t vb) {
    const int32_t difference = ra(va) - rb(vb);
    const int32_t squared = wrapping_mul(difference, difference);
    return clamp(wrapping_add(apply_multiplier(squared, m), zero_y), range);
  };
  return integer_kernel(args, f);
}

Kernel quantized_add_n(const PrepareArgs& args) {
  require_all_per_tensor(args);
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  for (const Operand& other : args.inputs) require_same_representation(x, other);
  const int left = 20;
  const double twice = 2 * static_cast<double>(scale_of(x));
  const Rescaled rescaled{zero_of(x), left,
                          multiplier_below_one(static_cast<double>(scale_of(x)) / twice, x)};
  const Stored stored{
      multiplier_below_one(twice / ((1 << left) * static_cast<double>(scale_of(y))), y), zero_of(y),
      range_of(y.type)};
  const int64_t count = y.shape.elements();
  const size_t inputs = args.inputs.size();
  return {[=](const InvokeArgs& run) {
    int8_t* out = run.out<int8_t>();
    // The sum starts at stored 0, not at real 0: so does the reference (add_n.h).
    const int32_t start = rescaled(0);
    for (int64_t i = 0; i < count; ++i) {
      int32_t sum = start;
      for (size_t k = 0; k < inputs; ++k) sum = wrapping_add(sum, rescaled(run.in<int8_t>(k)[i]));
      out[i] = static_cast<int8_t>(stored(sum));
    }
  }};
}

}  // namespace smelt
