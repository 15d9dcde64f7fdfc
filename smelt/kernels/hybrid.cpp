#include "smelt/kernels/hybrid.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/half.h"
#include "smelt/kernels/litert_rules.h"
#include "smelt/kernels/packed_bits.h"

namespace smelt {
namespace {

void check_scales(const Operand& w, int64_t channels, int axis) {
  const Quantization& q = *w.quantization;
  require_channel_scales(w, channels, axis);
  for (const float scale : q.scale) {
    if (!std::isfinite(scale)) {
      fail(ErrorKind::bad_file, "{} has quantization scale {}", w.name, scale);
    }
  }
  const bool shifted =
      std::any_of(q.zero_point.begin(), q.zero_point.end(), [](int64_t z) { return z != 0; });
  if (shifted && w.type != DataType::uint8) {
    fail(ErrorKind::unsupported, "{} has a zero point; weights of hybrid ops must be symmetric",
         w.name);
  }
}

FloatRange range_with_zero(const float* values, int64_t count) {
  FloatRange range{0.0f, 0.0f};
  for (int64_t i = 0; i < count; ++i) {
    range.low = std::min(range.low, values[i]);
    range.high = std::max(range.high, values[i]);
  }
  return range;
}

int8_t to_int8(float value, int32_t low) {
  // Not a number becomes the lower bound; the reference leaves that undefined.
  const float rounded = std::round(value);
  if (!(rounded > static_cast<float>(low))) return static_cast<int8_t>(low);
  return static_cast<int8_t>(std::min(rounded, 127.0f));
}

BatchScale quantize_symmetric(const float* values, int64_t count, float range, int8_t* stored) {
  const float inverse = 127.0f / range;
  for (int64_t i = 0; i < count; ++i) stored[i] = to_int8(values[i] * inverse, -127);
  return {range / 127.0f, 0};
}

BatchScale quantize_asymmetric(const float* values, int64_t count, double low, double high,
                               int8_t* stored) {
  const double scale = (high - low) / 255.0;
  const double from_low = -128.0 - low / scale;
  const double from_high = 127.0 - high / scale;
  const bool low_is_nearer = 128.0 + std::abs(low / scale) < 127.0 + std::abs(high / scale);
  const double zero = std::round(std::clamp(low_is_nearer ? from_low : from_high, -128.0, 127.0));
  const BatchScale batch{static_cast<float>(scale), static_cast<int32_t>(zero)};
  const float inverse = 1.0f / batch.scale;
  for (int64_t i = 0; i < count; ++i) {
    stored[i] = to_int8(static_cast<float>(batch.zero) + values[i] * inverse, -128);
  }
  return batch;
}

}  // namespace

bool is_hybrid(const Operand& x, const Operand& w) {
  return x.type == DataType::float32 && (w.type == DataType::int8 || w.type == DataType::int4 ||
                                         w.type == DataType::int2 || w.type == DataType::uint8);
}

BatchScale quantize_batch(const float* values, int64_t count, bool symmetric, int8_t* stored) {
  const auto [low, high] = range_with_zero(values, count);
  const float range = std::max(-low, high);
  if (!(range > 0) || !std::isfinite(range)) {
    std::fill_n(stored, count, int8_t{0});
    return {};
  }
  return symmetric ? quantize_symmetric(values, count, range, stored)
                   : quantize_asymmetric(values, count, low, high, stored);
}

BatchScale quantize_batch_xnnpack(const float* values, int64_t count, int8_t* stored) {
  const auto [low, high] = range_with_zero(values, count);
  const float steps = low == high ? 1.0f : 255.0f / (high - low);
  if (!(steps > 0) || !std::isfinite(steps)) {
    std::fill_n(stored, count, int8_t{0});
    return {};
  }
  const float from_low = -128.0f - low * steps;
  const float from_high = 127.0f - high * steps;
  const bool low_is_nearer = (-128.0f + low * steps) + (127.0f + high * steps) > 0;
  const float zero = std::clamp(low_is_nearer ? from_low : from_high, -128.0f, 127.0f);
  const auto stored_zero = static_cast<int32_t>(std::nearbyint(zero));
  for (int64_t i = 0; i < count; ++i) {
    stored[i] =
        static_cast<int8_t>(apply_scale(values[i], steps, stored_zero, range_of(DataType::int8)));
  }
  return {1.0f / steps, stored_zero};
}

Hybrid make_hybrid(const PrepareArgs& args, int channel_axis, Activation activation, bool symmetric,
                   size_t bias_index) {
  const Operand& w = args.input(1);
  require_type(args.output(), {DataType::float32});
  require_clamping(activation);
  Hybrid op{.symmetric = symmetric,
            .xnnpack = xnnpack_takes(args),
            .scales = w.quantization->scale,
            .channels = w.shape[channel_axis],
            .bias = bias_index,
            .has_bias = args.has_input(bias_index),
            .range = activation_range(activation)};
  if (op.channels < 1) fail(ErrorKind::bad_file, "{} is empty", w.name);
  check_scales(w, op.channels, channel_axis);
  if (bit_width(w.type) < 8) op.values = unpack_small(w);
  if (op.has_bias) {
    const Operand& bias = args.input(bias_index);
    require_type(bias, {DataType::float32});
    if (bias.shape.elements() != op.channels) {
      fail(ErrorKind::bad_file, "bias {} has shape {}, expected [{}]", bias.name,
           to_string(bias.shape), op.channels);
    }
  }
  return op;
}

bool has_channel_scales(const Hybrid& op) {
  return std::any_of(op.scales.begin(), op.scales.end(),
                     [&](float scale) { return scale != op.scales[0]; });
}

std::vector<float> block_scales(const Operand& w, int64_t rows, int64_t columns) {
  const auto* q = std::get_if<BlockwiseScales>(&w.quantization->details);
  if (q == nullptr || w.block_scales == nullptr || !w.block_scales->is_constant) {
    fail(ErrorKind::bad_file, "the scales of the blocks of {} are missing", w.name);
  }
  if (q->block_size < 1 || columns % q->block_size != 0) {
    fail(ErrorKind::bad_file, "rows of {} are {} long and do not divide into blocks of {}", w.name,
         columns, q->block_size);
  }
  if (w.block_zero_points != nullptr) {
    fail(ErrorKind::unsupported, "{} has zero points in its blocks", w.name);
  }
  const Tensor& tensor = *w.block_scales;
  const int64_t count = checked_mul(rows, columns / q->block_size, "blocks");
  if (tensor.type != DataType::float16 || tensor.shape.elements() != count ||
      static_cast<int64_t>(tensor.data.size()) < count * 2) {
    fail(ErrorKind::bad_file, "{} needs {} float16 scales of its blocks", w.name, count);
  }
  std::vector<float> scales;
  for (const uint16_t bits : tensor.data.as<uint16_t>().first(static_cast<size_t>(count))) {
    scales.push_back(half_to_float(bits));
  }
  return scales;
}

namespace {

struct Blocks {
  std::vector<int8_t> weights;
  std::vector<float> scales;  ///< [outputs, count]
  int64_t size = 0;           ///< weights in a block
  int64_t count = 0;          ///< blocks in a row
};

Blocks make_blocks(const Operand& w) {
  const int64_t size = std::get<BlockwiseScales>(w.quantization->details).block_size;
  std::vector<float> scales = block_scales(w, w.shape[0], w.shape[1]);
  return {unpack_small(w), std::move(scales), size, w.shape[1] / size};
}

}  // namespace

Kernel blockwise_dense(const PrepareArgs& args, int64_t rows, Activation activation) {
  const Operand& w = args.input(1);
  require_type(w, {DataType::int4, DataType::int2});
  require_clamping(activation);
  require_type(args.output(), {DataType::float32});
  if (args.has_input(2)) {
    require_type(args.input(2), {DataType::float32});
    require_shape(args.input(2), {w.shape[0]});
  }
  auto blocks = std::make_shared<const Blocks>(make_blocks(w));
  const int64_t inputs = w.shape[1];
  const int64_t outputs = w.shape[0];
  return {[=, range = activation_range(activation),
           has_bias = args.has_input(2)](const InvokeArgs& run) {
            auto* stored = reinterpret_cast<int8_t*>(run.scratch);
            float* y = run.out<float>();
            for (int64_t row = 0; row < rows; ++row) {
              const BatchScale batch =
                  quantize_batch(run.in<float>(0) + row * inputs, inputs, false, stored);
              const int8_t* weight = blocks->weights.data();
              const float* scale = blocks->scales.data();
              for (int64_t o = 0; o < outputs; ++o) {
                float sum = 0;
                for (int64_t b = 0; b < blocks->count; ++b, weight += blocks->size) {
                  int32_t products = 0;
                  for (int64_t i = 0; i < blocks->size; ++i) {
                    products += (stored[b * blocks->size + i] - batch.zero) * weight[i];
                  }
                  sum += static_cast<float>(products) * *scale++;
                }
                const float bias = has_bias ? run.in<float>(2)[o] : 0.0f;
                *y++ = clamp(sum * batch.scale + bias, range);
              }
            }
          },
          inputs};
}

}  // namespace smelt
