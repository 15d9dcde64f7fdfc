#include "smelt/kernels/activation.h"
#include "smelt/kernels/lookup.h"

namespace smelt {
namespace {

int16_t saturate16(int64_t value) {
  return static_cast<int16_t>(std::min<int64_t>(std::max<int64_t>(value, -32768), 32767));
}

/// round(a * b / 2^15); the 16-bit form of saturating_rounding_doubling_high_mul.
int16_t rounding_high_mul(int16_t a, int16_t b) {
  if (a == b && a == -32768) return 32767;
  const int32_t product = int32_t{a} * b;
  const int32_t nudge = product >= 0 ? 1 << 14 : 1 - (1 << 14);
  return static_cast<int16_t>((product + nudge) / (1 << 15));
}

/// The same, rounded to zero: cancels the bias of the two rounded products it combines.
int16_t truncating_high_mul(int16_t a, int16_t b) {
  if (a == b && a == -32768) return 32767;
  return static_cast<int16_t>(int32_t{a} * b / (1 << 15));
}

int16_t divide16(int16_t value, int exponent) {
  return exponent > 15 ? int16_t{0} : static_cast<int16_t>(rounding_divide_by_pot(value, exponent));
}

int16_t high_half(int32_t multiplier) {
  if (multiplier >= std::numeric_limits<int32_t>::max() - (1 << 15)) return 32767;
  return static_cast<int16_t>((multiplier + (1 << 15)) >> 16);
}

/// Multipliers of the 16-bit fixed-point kernel (HardSwishPrepare): the input is first scaled up by
/// 2^7; the "reluish" scale is the one on which 3.0 is 2^15.
struct HardSwish {
  int32_t zero_x = 0, zero_y = 0;
  int16_t output_multiplier = 0, reluish_multiplier = 0;
  int output_shift = 0, reluish_shift = 0;
  IntRange range;

  int32_t operator()(int32_t v) const {
    const auto hires = static_cast<int16_t>((v - zero_x) * (1 << 7));
    const int16_t on_output = rounding_high_mul(hires, output_multiplier);
    int16_t reluish = hires;
    if (reluish_shift > 0)
      reluish = saturate16(int64_t{reluish} * (int64_t{1} << (reluish_shift - 1)));
    reluish = rounding_high_mul(reluish, reluish_multiplier);
    if (reluish_shift > 0) reluish = saturate16(int64_t{reluish} * 2);
    if (reluish_shift < 0) reluish = divide16(reluish, -reluish_shift);
    reluish = static_cast<int16_t>((reluish + (1 << 15)) >> 1);  // from [-1, 1] to [0, 1]
    const int16_t product = truncating_high_mul(reluish, on_output);
    return clamp(divide16(product, -output_shift) + zero_y, range);
  }
};

}  // namespace

Kernel prepare_hard_swish(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_same_shape(x, y);
  const int64_t count = x.shape.elements();
  if (x.type == DataType::float32) {
    return elementwise<float, float>(
        count, [](float v) { return v * std::min(6.0f, std::max(0.0f, v + 3.0f)) / 6.0f; });
  }
  require_type(x, {DataType::float32, DataType::int8, DataType::uint8});
  require_per_tensor(x);
  require_per_tensor(y);
  const float hires_scale = (1.0f / 128.0f) * scale_of(x);
  const FixedMultiplier output =
      quantize_multiplier(static_cast<double>(hires_scale / scale_of(y)));
  const FixedMultiplier reluish =
      quantize_multiplier(static_cast<double>(hires_scale / (3.0f / 32768.0f)));
  if (output.shift > 0) {
    fail(ErrorKind::unsupported, "{} has scale {}, too small for an input scale of {}", y.name,
         scale_of(y), scale_of(x));
  }
  const HardSwish f{.zero_x = zero_of(x),
                    .zero_y = zero_of(y),
                    .output_multiplier = high_half(output.multiplier),
                    .reluish_multiplier = high_half(reluish.multiplier),
                    .output_shift = output.shift,
                    .reluish_shift = reluish.shift,
                    .range = range_of(y.type)};
  return with_8bit_type(x.type, [&](auto zero) {
    using T = decltype(zero);
    return table_kernel<T, T>(count, f);
  });
}

}  // namespace smelt
