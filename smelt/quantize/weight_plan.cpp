#include "smelt/quantize/weight_plan.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/half.h"
#include "smelt/ops/precision.h"
#include "smelt/quantize/scales.h"
#include "smelt/quantize/weight_range.h"

namespace smelt {
namespace {

std::span<const float> values_of(const Tensor& tensor) { return tensor.data.as<float>(); }

DataType integer_type(int bits) { return bits == 4 ? DataType::int4 : DataType::int8; }

std::vector<float> scales_of(const Tensor& weights, int axis, int bits, WeightRange range) {
  std::vector<float> scale = weight_reach(values_of(weights), weights.shape, axis, bits, range);
  for (float& s : scale) s = symmetric_scale(s, largest_weight(integer_type(bits)));
  return scale;
}

/// Dense layers of TFLite Micro have one scale for int4 weights.
bool one_scale(const Op& op, int bits, const OpConfig& config) {
  if (config.granularity == Granularity::per_tensor) return true;
  return op.type == OpType::fully_connected &&
         (bits == 4 || config.granularity != Granularity::per_channel);
}

bool in_blocks(const Op& op, const Tensor& weights, const OpConfig& config) {
  return config.granularity == Granularity::blockwise && config.weight_bits == 4 &&
         config.precision == Precision::dynamic && op.type == OpType::fully_connected &&
         config.block_size > 0 && weights.shape.back() % config.block_size == 0;
}

/// LiteRT stores the scales of blocks as float16 with the mantissa of bfloat16.
float block_scale(float scale) {
  const uint32_t bits = std::bit_cast<uint32_t>(scale);
  const uint32_t even = bits >> 16 & 1;
  const float rounded = bfloat16_to_float(static_cast<uint16_t>((bits + 0x7fff + even) >> 16));
  const float stored = half_to_float(float_to_half(rounded));
  constexpr float kLeast = 0x1p-14f;  // the least normal float16
  return std::max(stored, kLeast);
}

TensorPlan block_weights(const Tensor& weights, const OpConfig& config) {
  std::vector<float> scale = weight_reach_blocks(values_of(weights), weights.shape,
                                                 config.block_size, 4, config.weight_range);
  for (float& s : scale) s = block_scale(symmetric_scale(s, largest_weight(DataType::int4)));
  return {weights.name, DataType::int4, symmetric(std::move(scale), 0), config.block_size};
}

}  // namespace

Quantization symmetric(std::vector<float> scale, int axis) {
  Quantization q{.scale = std::move(scale), .axis = std::max(axis, 0)};
  q.zero_point.assign(q.scale.size(), 0);
  return q;
}

TensorPlan integer_weights(const Op& op, const Tensor& weights, int axis, const Tensor* bias,
                           float input_scale, const OpConfig& config) {
  const bool small = weights.shape.elements() < config.min_weight_elements;
  const bool int4 = config.weight_bits == 4 && config.precision == Precision::int8 && !small &&
                    has_int4_kernel(op.type);
  const int bits = int4 ? 4 : 8;
  if (one_scale(op, bits, config)) axis = -1;
  std::vector<float> scale = scales_of(weights, axis, bits, config.weight_range);
  if (bias && config.precision == Precision::int8) {
    const std::span<const float> values = values_of(*bias);
    if (scale.size() > 1 && scale.size() != values.size()) {
      fail(ErrorKind::bad_file, "{} biases for {} output channels", values.size(), scale.size());
    }
    for (size_t i = 0; i < values.size(); ++i) {
      float& s = scale[scale.size() > 1 ? i : 0];
      s = widened_weight_scale(std::abs(values[i]), input_scale, s);
    }
  }
  return {weights.name, integer_type(bits), symmetric(std::move(scale), axis)};
}

TensorPlan integer_bias(const Tensor& bias, float input_scale, const Quantization& weights,
                        Precision precision) {
  std::vector<float> scale(weights.scale.size());
  std::transform(weights.scale.begin(), weights.scale.end(), scale.begin(),
                 [&](float s) { return bias_scale(input_scale, s); });
  const DataType type = precision == Precision::int16x8 ? DataType::int64 : DataType::int32;
  return {bias.name, type, symmetric(std::move(scale), 0)};
}

TensorPlan hybrid_weights(const Op& op, const Tensor& weights, int axis, const OpConfig& config) {
  if (in_blocks(op, weights, config)) return block_weights(weights, config);
  const bool kernel_knows_one =
      config.precision == Precision::dynamic &&
      (op.type == OpType::batch_matmul || op.type == OpType::embedding_lookup);
  if (config.granularity == Granularity::per_tensor || kernel_knows_one) axis = -1;
  return {weights.name, integer_type(config.weight_bits),
          symmetric(scales_of(weights, axis, config.weight_bits, config.weight_range), axis)};
}

std::optional<TensorPlan> float16_constant(const Tensor& constant) {
  constexpr float kLargest = 65504;
  const std::vector<float> reach = max_abs(values_of(constant), constant.shape, -1);
  if (!(reach[0] <= kLargest)) return std::nullopt;
  return TensorPlan{constant.name, DataType::float16, {}};
}

}  // namespace smelt
