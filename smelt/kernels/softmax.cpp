#include "smelt/kernels/softmax.h"

#include <cmath>

#include "smelt/kernels/fixed_point_math.h"
#include "smelt/kernels/lookup.h"

namespace smelt {
namespace {

constexpr int kDifferenceBits = 5;
constexpr int kSumBits = 12;

struct Rows {
  int64_t count = 0;
  int64_t depth = 0;
};

Rows rows_of(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_same_shape(x, args.output());
  require_rank(x, 1, INT32_MAX);
  const int last = x.shape.rank() - 1;
  return {x.shape.elements(0, last), x.shape[last]};
}

/// Fixed<5> of beta * scale * difference, for the differences 0, -1, ... -255 from a row's maximum;
/// those below `lowest` are too small to count.
struct Differences {
  FixedMultiplier multiplier;  ///< applied with a shift to the left only
  int32_t lowest = 0;

  Fixed<kDifferenceBits> scaled(int32_t difference) const {
    return {saturating_rounding_doubling_high_mul(wrapping_shift_left(difference, multiplier.shift),
                                                  multiplier.multiplier)};
  }
};

Differences make_differences(double beta, double scale) {
  const double real = std::min(beta * scale * (1 << (31 - kDifferenceBits)), 2147483647.0);
  if (!(real > 1.0)) {
    fail(ErrorKind::unsupported, "beta {} and input scale {} are too small for the integer kernel",
         beta, scale);
  }
  Differences d;
  const double fraction = std::frexp(real, &d.multiplier.shift);
  auto fixed = static_cast<int64_t>(std::round(fraction * 2147483648.0));
  if (fixed == int64_t{1} << 31) {
    fixed /= 2;
    ++d.multiplier.shift;
  }
  d.multiplier.multiplier = static_cast<int32_t>(fixed);
  const double radius = std::floor(31.0 * (int64_t{1} << (31 - kDifferenceBits)) /
                                   static_cast<double>(int64_t{1} << d.multiplier.shift));
  d.lowest = -static_cast<int32_t>(std::min(radius, 2147483647.0));
  // A shift of 31 belongs to a scale on which every difference but 0 is below the lowest.
  d.multiplier.shift = std::min(d.multiplier.shift, 30);
  return d;
}

Kernel softmax_float(Rows rows, float beta) {
  return {[rows, beta](const InvokeArgs& args) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>();
    for (int64_t r = 0; r < rows.count; ++r, x += rows.depth, y += rows.depth) {
      float high = std::numeric_limits<float>::lowest();
      for (int64_t c = 0; c < rows.depth; ++c) high = std::max(high, x[c]);
      float sum = 0;
      for (int64_t c = 0; c < rows.depth; ++c) {
        y[c] = std::exp((x[c] - high) * beta);
        sum += y[c];
      }
      for (int64_t c = 0; c < rows.depth; ++c) y[c] /= sum;
    }
  }};
}

/// exp of every difference from the maximum (as Fixed<0>; 0 below the lowest), by -difference.
using Exponentials = std::array<int32_t, 256>;

template <class In, class Out>
Kernel softmax_8bit(Rows rows, const Differences& d) {
  Exponentials exponentials{};
  for (int32_t i = 0; i < 256; ++i) {
    if (-i >= d.lowest) {
      exponentials[static_cast<size_t>(i)] = exp_on_negative(d.scaled(-i)).raw;
    }
  }
  constexpr int32_t kLow = std::numeric_limits<Out>::min(), kHigh = std::numeric_limits<Out>::max();
  return {[=, lowest = d.lowest](const InvokeArgs& args) {
    const In* x = args.in<In>(0);
    Out* y = args.out<Out>();
    for (int64_t r = 0; r < rows.count; ++r, x += rows.depth, y += rows.depth) {
      if (rows.depth == 0) continue;
      const int32_t high = *std::max_element(x, x + rows.depth);
      int32_t sum = 0;
      for (int64_t c = 0; c < rows.depth; ++c) {
        const int32_t exponential = exponentials[static_cast<size_t>(high - x[c])];
        sum = wrapping_add(sum, rescale<kSumBits>(Fixed<0>{exponential}).raw);
      }
      const Reciprocal inverse = reciprocal(sum, kSumBits);
      const int exponent = inverse.bits_over_unit + 31 - static_cast<int>(sizeof(Out)) * 8;
      for (int64_t c = 0; c < rows.depth; ++c) {
        int32_t value = kLow;
        if (x[c] - high >= lowest && exponent >= 0 && exponent <= 31) {
          const Fixed<0> exponential{exponentials[static_cast<size_t>(high - x[c])]};
          const int32_t product = (Fixed<0>{inverse.value} * exponential).raw;
          value = wrapping_add(rounding_divide_by_pot(product, exponent), kLow);
          value = std::min(std::max(value, kLow), kHigh);
        }
        y[c] = static_cast<Out>(value);
      }
    }
  }};
}

Kernel softmax_int16(Rows rows, double beta, double scale) {
  const FixedMultiplier m = quantize_multiplier(scale * beta / (10.0 / 65535.0));
  constexpr float kRange = 65535.0f;
  const Int16Table exp_table = make_int16_table(10.0f / kRange, 32767, 2.0f / kRange, 0,
                                                [](float v) { return std::exp(v); });
  const Int16Table inverse_table = make_int16_table(1.0f / kRange, -32768, 2.0f / kRange, 0,
                                                    [](float v) { return 1.0f / (1.0f + v); });
  return {[=](const InvokeArgs& args) {
    const int16_t* x = args.in<int16_t>(0);
    int16_t* y = args.out<int16_t>();
    for (int64_t r = 0; r < rows.count; ++r, x += rows.depth, y += rows.depth) {
      if (rows.depth == 0) continue;
      const int32_t high = *std::max_element(x, x + rows.depth);
      int32_t sum = 0;
      for (int64_t c = 0; c < rows.depth; ++c) {
        const int32_t scaled = wrapping_add(apply_multiplier(x[c] - high, m), 32767);
        y[c] = lookup(exp_table, static_cast<int16_t>(std::clamp(scaled, -32768, 32767)));
        sum = wrapping_add(sum, y[c]);
      }
      const int headroom_plus_one = std::countl_zero(static_cast<uint32_t>(sum));
      const int right = 31 - headroom_plus_one;
      if (right < 1) {
        std::fill(y, y + rows.depth, int16_t{0});
        continue;
      }
      const auto normal = static_cast<int32_t>(
          ((static_cast<int64_t>(sum) << (headroom_plus_one - 1)) + (1 << 13)) >> 14);
      const int32_t symmetric = normal - ((1 << 15) + (1 << 16));
      const int64_t inverse =
          lookup(inverse_table, static_cast<int16_t>(std::clamp(symmetric, -32768, 32767)));
      const int64_t half = int64_t{1} << (right - 1);
      for (int64_t c = 0; c < rows.depth; ++c) {
        const auto value = static_cast<int32_t>((y[c] * inverse + half) >> right);
        y[c] = static_cast<int16_t>(std::clamp(value, 0, 32767));
      }
    }
  }};
}

void require_output(const Operand& y, double scale, double tolerance, int32_t zero) {
  require_per_tensor(y);
  if (std::abs(scale_of(y) - scale) <= tolerance && zero_of(y) == zero) return;
  fail(ErrorKind::unsupported,
       "{} has scale {} and zero point {}; the integer kernel gives {} and {}", y.name, scale_of(y),
       zero_of(y), scale, zero);
}

}  // namespace

Kernel prepare_softmax(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  const Rows rows = rows_of(args);
  const float beta = attributes_of<SoftmaxAttributes>(args).beta;
  if (x.type == DataType::float32 && y.type == DataType::float32) return softmax_float(rows, beta);
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8, DataType::int16});
  require_per_tensor(x);
  const double scale = scale_of(x);
  if (x.type == DataType::int8 && y.type == DataType::int8) {
    require_output(y, 1.0 / 256, 0, -128);
    return softmax_8bit<int8_t, int8_t>(rows, make_differences(beta, scale));
  }
  if (x.type == DataType::int8 && y.type == DataType::int16) {
    require_output(y, 1.0 / 65536, 0.001 / 65536, -32768);
    return softmax_8bit<int8_t, int16_t>(rows, make_differences(beta, scale));
  }
  if (x.type == DataType::uint8 && y.type == DataType::uint8) {
    require_output(y, 1.0 / 256, 0.001 / 256, 0);
    return softmax_8bit<uint8_t, uint8_t>(rows, make_differences(beta, scale));
  }
  if (x.type == DataType::int16 && y.type == DataType::int16) {
    require_output(y, 1.0 / 32768, 0.001 / 32768, 0);
    return softmax_int16(rows, beta, scale);
  }
  fail_types(args);
}

namespace {

Kernel log_softmax_float(Rows rows) {
  return {[rows](const InvokeArgs& args) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>();
    for (int64_t r = 0; r < rows.count; ++r, x += rows.depth, y += rows.depth) {
      float high = std::numeric_limits<float>::lowest();
      for (int64_t c = 0; c < rows.depth; ++c) high = std::max(high, x[c]);
      float sum = 0;
      for (int64_t c = 0; c < rows.depth; ++c) sum += std::exp(x[c] - high);
      const float log_sum = std::log(sum);
      for (int64_t c = 0; c < rows.depth; ++c) y[c] = x[c] - high - log_sum;
    }
  }};
}

template <class T>
Kernel log_softmax_8bit(Rows rows, double scale) {
  constexpr int32_t kLow = std::numeric_limits<T>::min();
  constexpr int32_t kHigh = std::numeric_limits<T>::max();
  const Differences d = make_differences(1.0, scale);
  constexpr int kOutputBits = 4;
  // The inverse of the input's scaling: smaller than 1, so that its shift is not positive.
  const FixedMultiplier back = quantize_multiplier(
      static_cast<double>(int64_t{1} << (31 - d.multiplier.shift)) / d.multiplier.multiplier);
  return {[=](const InvokeArgs& args) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>();
    for (int64_t r = 0; r < rows.count; ++r, x += rows.depth, y += rows.depth) {
      if (rows.depth == 0) continue;
      const int32_t high = *std::max_element(x, x + rows.depth);
      int32_t sum = 0;
      for (int64_t c = 0; c < rows.depth; ++c) {
        const int32_t difference = x[c] - high;
        if (difference < d.lowest) continue;
        const Fixed<kDifferenceBits> scaled{apply_multiplier(difference, d.multiplier)};
        sum = wrapping_add(sum, rescale<kSumBits>(exp_on_negative(scaled)).raw);
      }
      const int32_t log_sum = log_above_one<kDifferenceBits>(Fixed<kSumBits>{sum}).raw;
      const int32_t lowest = std::max(
          d.lowest - 1,
          apply_multiplier(wrapping_add(log_sum, std::numeric_limits<int32_t>::min()), back));
      for (int64_t c = 0; c < rows.depth; ++c) {
        const int32_t difference = x[c] - high;
        int32_t value = kLow;
        if (difference > lowest) {
          const int32_t scaled = apply_multiplier(difference, d.multiplier);
          value = rounding_divide_by_pot(wrapping_add(scaled, -log_sum),
                                         31 - kDifferenceBits - kOutputBits) +
                  kHigh;
          value = std::clamp(value, kLow, kHigh);
        }
        y[c] = static_cast<T>(value);
      }
    }
  }};
}

}  // namespace

Kernel prepare_log_softmax(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  const Rows rows = rows_of(args);
  if (x.type == DataType::float32) return log_softmax_float(rows);
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8});
  require_per_tensor(x);
  require_output(y, 1.0 / 16, 0, range_of(y.type).high);
  if (x.type == DataType::uint8) return log_softmax_8bit<uint8_t>(rows, scale_of(x));
  return log_softmax_8bit<int8_t>(rows, scale_of(x));
}

}  // namespace smelt
