#include "smelt/quantize/scales.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace smelt {
namespace {

constexpr double kSmallestRange = 1e-6;

/// Position of a value in the list of scales.
class SliceIndex {
 public:
  SliceIndex(const Shape& shape, int axis, size_t scales)
      : inner_(scales > 1 ? static_cast<size_t>(shape.elements(axis + 1, shape.rank())) : 1),
        scales_(scales) {}
  size_t operator()(size_t i) const { return i / inner_ % scales_; }

 private:
  size_t inner_;
  size_t scales_;
};

}  // namespace

Quantization asymmetric_int8(float min, float max) {
  double low = std::min(min, 0.0f);
  double high = std::max(max, 0.0f);
  if (high - low < kSmallestRange) {
    low -= kSmallestRange;
    high += kSmallestRange;
  }
  float scale = (static_cast<float>(high) - static_cast<float>(low)) / 255;
  if (!std::isfinite(scale)) scale = static_cast<float>((high - low) / 255);
  const float zero = static_cast<float>(-128 - low / scale);
  return Quantization::per_tensor(
      scale, static_cast<int64_t>(std::round(std::clamp(zero, -128.0f, 127.0f))));
}

Quantization activation_scale(DataType type, float min, float max) {
  if (type == DataType::int8) return asymmetric_int8(min, max);
  return Quantization::per_tensor(symmetric_scale(std::max(std::abs(min), std::abs(max)), 32767),
                                  0);
}

int largest_weight(DataType type) { return type == DataType::int4 ? 7 : 127; }

float symmetric_scale(float max_abs, int largest) {
  const double high = 2.0 * max_abs > kSmallestRange ? max_abs : kSmallestRange / 2;
  const float half = static_cast<float>(high);
  const float scale = (half + half) / static_cast<float>(2 * largest);
  return std::isfinite(scale) ? scale : half / static_cast<float>(largest);
}

float bias_scale(float input_scale, float weight_scale) {
  return static_cast<float>(static_cast<double>(input_scale) * weight_scale);
}

float widened_weight_scale(float max_abs_bias, float input_scale, float weight_scale) {
  constexpr int32_t kBiasMax = std::numeric_limits<int32_t>::max() / 2;
  const double scale = static_cast<double>(input_scale) * weight_scale;
  if (max_abs_bias <= scale * kBiasMax) return weight_scale;
  return static_cast<float>(static_cast<double>(max_abs_bias) / kBiasMax / input_scale);
}

std::vector<float> max_abs(std::span<const float> values, const Shape& shape, int axis) {
  const size_t slices = axis < 0 ? 1 : static_cast<size_t>(shape[axis]);
  const SliceIndex slice(shape, axis, slices);
  std::vector<float> result(slices, 0.0f);
  for (size_t i = 0; i < values.size(); ++i) {
    float& largest = result[slice(i)];
    largest = std::max(largest, std::abs(values[i]));
  }
  return result;
}

std::vector<int8_t> to_int8(std::span<const float> values, const Shape& shape,
                            const Quantization& q, int low, int high) {
  const SliceIndex slice(shape, q.axis, q.scale.size());
  std::vector<float> inverse(q.scale.size()), zero(q.scale.size());
  for (size_t i = 0; i < q.scale.size(); ++i) {
    inverse[i] = static_cast<float>(1.0 / q.scale[i]);
    zero[i] = static_cast<float>(q.zero_point[i]);
  }
  std::vector<int8_t> result(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t s = slice(i);
    const float stored = std::round(values[i] * inverse[s] + zero[s]);
    result[i] =
        static_cast<int8_t>(std::clamp(stored, static_cast<float>(low), static_cast<float>(high)));
  }
  return result;
}

template <class T>
std::vector<T> to_bias(std::span<const float> values, const Quantization& q) {
  constexpr double kMax = static_cast<double>(std::numeric_limits<T>::max());
  std::vector<T> result(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double scale = q.scale[q.scale.size() == 1 ? 0 : i];
    const double steps = std::round(values[i] / scale);
    // The largest int64 is no double: the one above it must not be converted.
    result[i] = steps >= kMax    ? std::numeric_limits<T>::max()
                : steps <= -kMax ? -std::numeric_limits<T>::max()
                                 : static_cast<T>(steps);
  }
  return result;
}

template std::vector<int32_t> to_bias(std::span<const float>, const Quantization&);
template std::vector<int64_t> to_bias(std::span<const float>, const Quantization&);

std::vector<int16_t> to_int16(std::span<const float> values, const Quantization& q) {
  std::vector<int16_t> result(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float steps = std::round(values[i] / q.scale[0]);
    result[i] = static_cast<int16_t>(std::clamp(steps, -32767.0f, 32767.0f));
  }
  return result;
}

}  // namespace smelt
