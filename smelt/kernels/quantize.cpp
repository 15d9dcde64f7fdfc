#include <cmath>

#include "smelt/base/half.h"
#include "smelt/kernels/cast.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/litert_rules.h"
#include "smelt/kernels/lookup.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// round(value / scale) + zero, half away from zero, saturating; without branches, so that loops
/// over it vectorize. Adding the float below 1/2 and truncating is exact: values are bounded by
/// 2^17.
struct Quantizer {
  float scale = 1;
  float low = 0, high = 0;  ///< stored range, less the zero point
  int32_t zero = 0;

  Quantizer(float scale_, int32_t zero_, IntRange range)
      : scale(scale_),
        low(static_cast<float>(range.low - zero_)),
        high(static_cast<float>(range.high - zero_)),
        zero(zero_) {}

  int32_t operator()(float v) const {
    float q = v / scale;
    q = low < q ? q : low;
    q = q < high ? q : high;
    return static_cast<int32_t>(q + std::copysign(0.49999997f, q)) + zero;
  }
};

bool is_8_or_16_bit(DataType type) {
  return type == DataType::int8 || type == DataType::uint8 || type == DataType::int16;
}

template <class F>
Kernel with_stored_type(const PrepareArgs& args, DataType type, F&& f) {
  switch (type) {
    case DataType::int8:
      return f(int8_t{});
    case DataType::uint8:
      return f(uint8_t{});
    case DataType::int16:
      return f(int16_t{});
    case DataType::int32:
      return f(int32_t{});
    default:
      fail_types(args);
  }
}

/// The axis of per-channel scales, checked against the shape and for sane values.
AxisSplit channel_split(const Operand& operand) {
  const Quantization& q = *operand.quantization;
  const int axis = normalized_axis(q.axis, operand.shape.rank());
  if (static_cast<int64_t>(q.scale.size()) != operand.shape[axis] ||
      q.zero_point.size() != q.scale.size()) {
    fail(ErrorKind::bad_file, "{} has {} scales for axis {} of shape {}", operand.name,
         q.scale.size(), axis, to_string(operand.shape));
  }
  for (size_t c = 0; c < q.scale.size(); ++c) {
    if (!(q.scale[c] >= 0) || q.zero_point[c] < INT32_MIN / 2 || q.zero_point[c] > INT32_MAX / 2) {
      fail(ErrorKind::bad_file, "{} has scale {} and zero point {} in channel {}", operand.name,
           q.scale[c], q.zero_point[c], c);
    }
  }
  return split_at(operand.shape, axis);
}

Kernel quantize_float(const PrepareArgs& args) {
  const Operand& y = args.output();
  const int64_t count = y.shape.elements();
  if (!is_8_or_16_bit(y.type)) fail_types(args);
  return with_stored_type(args, y.type, [&](auto zero) {
    using T = decltype(zero);
    const IntRange range = range_of(y.type);
    if (!y.quantization->per_axis()) {
      require_per_tensor(y);
      if (xnnpack_takes(args)) {
        return elementwise<float, T>(
            count, [inverse = 1.0f / scale_of(y), zero_y = zero_of(y), range](float v) {
              return static_cast<T>(apply_scale(v, inverse, zero_y, range));
            });
      }
      const Quantizer q(scale_of(y), zero_of(y), range);
      return elementwise<float, T>(count, [q](float v) { return static_cast<T>(q(v)); });
    }
    const AxisSplit split = channel_split(y);
    std::vector<Quantizer> channels;
    for (size_t c = 0; c < y.quantization->scale.size(); ++c) {
      const auto zero_point = static_cast<int32_t>(
          std::clamp<int64_t>(y.quantization->zero_point[c], range.low, range.high));
      channels.emplace_back(y.quantization->scale[c], zero_point, range);
    }
    return Kernel{[split, channels = std::move(channels)](const InvokeArgs& run) {
      const float* x = run.in<float>(0);
      T* out = run.out<T>();
      for (int64_t o = 0; o < split.outer; ++o) {
        for (const Quantizer& q : channels) {
          for (int64_t i = 0; i < split.inner; ++i) *out++ = static_cast<T>(q(*x++));
        }
      }
    }};
  });
}

Kernel requantize(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  if (xnnpack_takes(args)) {
    return with_8bit_type(x.type, [&](auto zero) {
      using T = decltype(zero);
      return table_kernel<T, T>(y.shape.elements(), xnnpack_ratio(x, y));
    });
  }
  const FixedMultiplier m =
      quantize_multiplier(static_cast<double>(scale_of(x)) / static_cast<double>(scale_of(y)));
  const auto f = [m, zero_x = zero_of(x), zero_y = zero_of(y),
                  range = range_of(y.type)](int32_t v) {
    const int32_t value = wrapping_add(v, -zero_x);
    return clamp(wrapping_add(apply_multiplier(value, m), zero_y), range);
  };
  const int64_t count = y.shape.elements();
  return with_stored_type(args, y.type, [&](auto to) {
    using To = decltype(to);
    return with_stored_type(args, x.type, [&](auto from) {
      using From = decltype(from);
      if constexpr (sizeof(From) == 1) {
        return table_kernel<From, To>(count, f);
      } else {
        return elementwise<From, To>(count, [f](From v) { return static_cast<To>(f(v)); });
      }
    });
  });
}

template <class T>
Kernel dequantize_per_tensor(const Operand& x) {
  const int64_t count = x.shape.elements();
  const double scale = scale_of(x);
  const auto f = [scale, zero = static_cast<int64_t>(zero_of(x))](int64_t v) {
    return static_cast<float>(scale * static_cast<double>(v - zero));
  };
  if constexpr (sizeof(T) == 1) {
    return table_kernel<T, float>(count, f);
  } else {
    return elementwise<T, float>(count, f);
  }
}

/// scale[c] * (value - zero[c]) in float arithmetic, as PerChannelDequantize.
template <class Read>
Kernel dequantize_per_channel(const Operand& x, Read read) {
  const Quantization& q = *x.quantization;
  return {[split = channel_split(x), scale = q.scale, zero = q.zero_point,
           read](const InvokeArgs& run) {
    float* out = run.out<float>();
    int64_t at = 0;
    for (int64_t o = 0; o < split.outer; ++o) {
      for (size_t c = 0; c < scale.size(); ++c) {
        for (int64_t i = 0; i < split.inner; ++i, ++at) {
          *out++ = scale[c] * static_cast<float>(read(run, at) - zero[c]);
        }
      }
    }
  }};
}

int64_t int4_at(const InvokeArgs& run, int64_t i) {
  const uint8_t byte = run.in<uint8_t>(0)[i / 2];
  const int nibble = i % 2 == 0 ? byte & 15 : byte >> 4;
  return nibble < 8 ? nibble : nibble - 16;
}

}  // namespace

Kernel prepare_quantize(const PrepareArgs& args) {
  require_same_elements(args.input(0), args.output());
  if (args.input(0).type == DataType::float32) return quantize_float(args);
  return requantize(args);
}

Kernel prepare_dequantize(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_elements(x, y);
  require_type(y, {DataType::float32});
  const int64_t count = x.shape.elements();
  if (x.type == DataType::float16) {
    return elementwise<uint16_t, float>(count, [](uint16_t v) { return half_to_float(v); });
  }
  const bool per_channel = x.quantization->per_axis();
  if (!per_channel) require_per_tensor(x);
  if (x.type == DataType::int4) {
    if (per_channel) return dequantize_per_channel(x, int4_at);
    return {[count, scale = static_cast<double>(scale_of(x)),
             zero = static_cast<int64_t>(zero_of(x))](const InvokeArgs& run) {
      for (int64_t i = 0; i < count; ++i) {
        run.out<float>()[i] =
            static_cast<float>(scale * static_cast<double>(int4_at(run, i) - zero));
      }
    }};
  }
  return with_stored_type(args, x.type, [&](auto zero) {
    using T = decltype(zero);
    if (!per_channel) return dequantize_per_tensor<T>(x);
    return dequantize_per_channel(
        x, [](const InvokeArgs& run, int64_t i) { return int64_t{run.in<T>(0)[i]}; });
  });
}

}  // namespace smelt
