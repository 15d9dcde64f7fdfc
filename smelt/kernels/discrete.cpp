#include "smelt/kernels/discrete.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/kernels/broadcast.h"
#include "smelt/kernels/number_types.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

template <class F>
Kernel integer_binary(const PrepareArgs& args, F f) {
  require_same_type(args.input(0), args.input(1));
  require_same_type(args.input(0), args.output());
  return with_number_type(args.input(0),
                          {DataType::int8, DataType::uint8, DataType::int16, DataType::uint16,
                           DataType::int32, DataType::uint32, DataType::boolean},
                          [&](auto zero) {
                            using T = decltype(zero);
                            if constexpr (std::is_integral_v<T>) {
                              return broadcast_kernel<T, T, T>(args, f);
                            } else {
                              return Kernel{};
                            }
                          });
}

}  // namespace

Kernel prepare_bitwise_xor(const PrepareArgs& args) {
  return integer_binary(args, [](auto a, auto b) { return static_cast<decltype(a)>(a ^ b); });
}

Kernel prepare_right_shift(const PrepareArgs& args) {
  return integer_binary(args, [](auto a, auto b) {
    using T = decltype(a);
    constexpr int64_t kMost = 8 * sizeof(T) - 1;
    return static_cast<T>(a >> std::clamp<int64_t>(static_cast<int64_t>(b), 0, kMost));
  });
}

Kernel prepare_bucketize(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_type(args.output(), {DataType::int32});
  require_same_shape(x, args.output());
  const std::vector<float>& boundaries = attributes_of<BucketizeAttributes>(args).boundaries;
  if (!std::is_sorted(boundaries.begin(), boundaries.end())) {
    fail(ErrorKind::bad_file, "the boundaries are not in ascending order");
  }
  return with_number_type(
      x, {DataType::float32, DataType::float64, DataType::int32, DataType::int64}, [&](auto zero) {
        using T = decltype(zero);
        return elementwise<T, int32_t>(x.shape.elements(), [boundaries](T value) {
          const auto above = std::upper_bound(boundaries.begin(), boundaries.end(), value);
          return static_cast<int32_t>(above - boundaries.begin());
        });
      });
}

Kernel prepare_fake_quant(const PrepareArgs& args) {
  const auto& a = attributes_of<FakeQuantAttributes>(args);
  const Operand& x = args.input(0);
  require_type(x, {DataType::float32});
  require_type(args.output(), {DataType::float32});
  require_same_shape(x, args.output());
  if (a.bits < 2 || a.bits > 16 || !(a.min < a.max) || !std::isfinite(a.max - a.min)) {
    fail(ErrorKind::bad_file, "{} bits between {} and {} make no grid", a.bits, a.min, a.max);
  }
  const float low = a.narrow_range ? 1.0f : 0.0f;
  const auto high = static_cast<float>((1 << a.bits) - 1);
  const float scale = (a.max - a.min) / (high - low);
  const float zero = std::round(std::clamp(low - a.min / scale, low, high));
  const float first = (low - zero) * scale;
  const float last = (high - zero) * scale;
  const float inverse = 1.0f / scale;
  return elementwise<float, float>(x.shape.elements(), [=](float value) {
    const float clamped = std::min(last, std::max(first, value));
    return std::round((clamped - first) * inverse) * scale + first;
  });
}

}  // namespace smelt
