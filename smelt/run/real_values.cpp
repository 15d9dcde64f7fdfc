#include "smelt/run/real_values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace smelt {
namespace {

struct Affine {
  float scale = 1;
  float zero_point = 0;
};

Affine affine(const Tensor& tensor) {
  const Quantization& q = tensor.quantization;
  if (!q.per_tensor() || q.scale[0] <= 0) return {};
  return {q.scale[0], static_cast<float>(q.zero_point[0])};
}

template <class T>
void store_integers(const Affine& a, std::span<const float> values, std::span<uint8_t> bytes) {
  SMELT_CHECK(bytes.size() == values.size() * sizeof(T));
  auto* out = reinterpret_cast<T*>(bytes.data());
  constexpr auto kLow = static_cast<double>(std::numeric_limits<T>::min());
  // For int64 the nearest double is 2^63, which does not convert back: the one below it does.
  const double high = sizeof(T) < 8 ? static_cast<double>(std::numeric_limits<T>::max())
                                    : std::nextafter(0x1p63, 0.0);
  for (size_t i = 0; i < values.size(); ++i) {
    const double stored = std::nearbyint(static_cast<double>(values[i]) / a.scale) + a.zero_point;
    // A NaN compares false with everything and becomes the lowest value.
    out[i] = static_cast<T>(stored > kLow ? std::min(stored, high) : kLow);
  }
}

template <class T>
void load_integers(const Affine& a, std::span<const uint8_t> bytes, std::span<float> values) {
  SMELT_CHECK(bytes.size() == values.size() * sizeof(T));
  const auto* in = reinterpret_cast<const T*>(bytes.data());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = a.scale * (static_cast<float>(in[i]) - a.zero_point);
  }
}

/// Calls body with a value of the tensor's integer element type.
template <class Body>
void for_integer_type(DataType type, Body&& body) {
  switch (type) {
    case DataType::int8:
      return body(int8_t{});
    case DataType::uint8:
    case DataType::boolean:
      return body(uint8_t{});
    case DataType::int16:
      return body(int16_t{});
    case DataType::int32:
      return body(int32_t{});
    case DataType::int64:
      return body(int64_t{});
    default:
      fail(ErrorKind::unsupported, "{} values cannot be exchanged as real numbers", name(type));
  }
}

}  // namespace

void store_real(const Tensor& tensor, std::span<const float> values, std::span<uint8_t> bytes) {
  if (tensor.type == DataType::float32) {
    SMELT_CHECK(bytes.size() == values.size_bytes());
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return;
  }
  for_integer_type(tensor.type, [&](auto zero) {
    store_integers<decltype(zero)>(affine(tensor), values, bytes);
  });
}

void load_real(const Tensor& tensor, std::span<const uint8_t> bytes, std::span<float> values) {
  if (tensor.type == DataType::float32) {
    SMELT_CHECK(bytes.size() == values.size_bytes());
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return;
  }
  for_integer_type(tensor.type, [&](auto zero) {
    load_integers<decltype(zero)>(affine(tensor), bytes, values);
  });
}

}  // namespace smelt
