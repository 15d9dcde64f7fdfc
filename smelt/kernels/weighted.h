#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

// What convolutions and dense layers share: which types go together, scales, bias, and the way
// from a sum to a stored value.

enum class WeightedKind {
  float32,
  int8,   ///< x, y int8; w int8, int4 or int2; bias int32
  uint8,  ///< x, w, y uint8 with zero points; bias int32 (models of before 2019)
  int16,  ///< x, y int16 with zero point 0; w as for int8; bias int64 or int32
};

/// Where an op has its operands, and which axis of the weights holds output channels.
struct WeightedLayout {
  size_t x = 0;
  size_t w = 1;
  size_t bias = 2;
  int channel_axis = 0;
  /// Scales are multiplied in float32 before they are divided, as LiteRT's FULLY_CONNECTED does
  /// with one scale (kernel_util.cc, GetQuantizedConvolutionMultipler); otherwise all in double, as
  /// the tflite_micro package does there too: a sum on a tie tells them apart.
  bool float_product = false;
  bool weights_may_shift = false;  ///< int8 weights of one scale may have a zero point
};

struct Weighted {
  WeightedLayout layout;
  WeightedKind kind = WeightedKind::float32;
  bool has_bias = false;
  bool constant = false;  ///< weights and bias are known now
  bool sums64 = false;    ///< int16 with 64-bit sums and bias
  int64_t channels = 0;   ///< of the output
  FloatRange float_range;
  std::vector<FixedMultiplier> multipliers;  ///< one, or one per channel
  std::vector<float> scales;  ///< the same for apply_scale, where that rule holds; else empty
  int32_t x_zero = 0, w_zero = 0, y_zero = 0;
  IntRange range;
  std::vector<int8_t> unpacked;  ///< int4 and int2 weights as int8
};

/// Checks types, scales, zero points and bias. `bias_type` is the attribute that tells the width of
/// the sums of int16 ops without bias (int32; everything else means int64).
/// Zero points of int8 weights count for FULLY_CONNECTED with one scale only, as in TFLite Micro.
Weighted make_weighted(const PrepareArgs& args, const WeightedLayout& layout, Activation activation,
                       DataType bias_type);

/// Constant weights of an integer op as one value at a time, zero point subtracted.
struct IntWeights {
  const int8_t* int8 = nullptr;
  const uint8_t* uint8 = nullptr;
  int32_t zero = 0;
  int32_t operator[](int64_t i) const { return (int8 != nullptr ? int8[i] : uint8[i]) - zero; }
};
IntWeights int_weights(const Weighted& weighted, const Operand& w);

/// Takes the sum of one output element to its place in y.
template <class Y, class Sum>
struct IntOutput {
  const Weighted& weighted;
  const Sum* bias;
  Y* y;
  void operator()(int64_t index, int64_t channel, std::make_unsigned_t<Sum> sum) const {
    if (bias != nullptr) sum += static_cast<std::make_unsigned_t<Sum>>(bias[channel]);
    const auto& m = weighted.multipliers;
    const size_t c = m.size() == 1 ? 0 : static_cast<size_t>(channel);
    if (!weighted.scales.empty()) {
      y[index] = static_cast<Y>(apply_scale(static_cast<int32_t>(sum), weighted.scales[c],
                                            weighted.y_zero, weighted.range));
      return;
    }
    const int32_t scaled = apply_multiplier(static_cast<Sum>(sum), m[c]);
    y[index] = static_cast<Y>(clamp(wrapping_add(scaled, weighted.y_zero), weighted.range));
  }
};

struct FloatOutput {
  FloatRange range;
  const float* bias;
  float* y;
  void operator()(int64_t index, int64_t channel, float sum) const {
    y[index] = clamp(sum + (bias != nullptr ? bias[channel] : 0.0f), range);
  }
};

/// Runs the straightforward loops of an op for its types: calls
/// loops(x, w, x_zero, w_zero, sum, output) where sum is a zero of the type to add up in (unsigned,
/// so that it wraps).
template <class Loops>
void run_plain(const Weighted& op, const InvokeArgs& args, Loops&& loops) {
  const size_t xi = op.layout.x;
  const size_t wi = op.layout.w;
  const void* bias = op.has_bias ? args.inputs[op.layout.bias] : nullptr;
  const auto* bias32 = static_cast<const int32_t*>(bias);
  const auto* w8 = op.unpacked.empty() ? args.in<int8_t>(wi) : op.unpacked.data();
  switch (op.kind) {
    case WeightedKind::float32:
      return loops(args.in<float>(xi), args.in<float>(wi), 0.0f, 0.0f, 0.0f,
                   FloatOutput{op.float_range, static_cast<const float*>(bias), args.out<float>()});
    case WeightedKind::int8:
      return loops(args.in<int8_t>(xi), w8, op.x_zero, op.w_zero, uint32_t{0},
                   IntOutput<int8_t, int32_t>{op, bias32, args.out<int8_t>()});
    case WeightedKind::uint8:
      return loops(args.in<uint8_t>(xi), args.in<uint8_t>(wi), op.x_zero, op.w_zero, uint32_t{0},
                   IntOutput<uint8_t, int32_t>{op, bias32, args.out<uint8_t>()});
    case WeightedKind::int16:
      if (op.sums64) {
        return loops(args.in<int16_t>(xi), w8, op.x_zero, op.w_zero, uint64_t{0},
                     IntOutput<int16_t, int64_t>{op, static_cast<const int64_t*>(bias),
                                                 args.out<int16_t>()});
      }
      return loops(args.in<int16_t>(xi), w8, op.x_zero, op.w_zero, uint32_t{0},
                   IntOutput<int16_t, int32_t>{op, bias32, args.out<int16_t>()});
  }
}

/// x * w in the type that sums are added up in.
template <class Sum, class X, class W, class Zero>
Sum product(X x, Zero x_zero, W w, Zero w_zero) {
  return static_cast<Sum>(x - x_zero) * static_cast<Sum>(w - w_zero);
}

}  // namespace smelt
