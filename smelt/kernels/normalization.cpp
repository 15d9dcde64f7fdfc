#include "smelt/kernels/normalization.h"

#include <cmath>

#include "smelt/kernels/fixed_point_math.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

struct Rows {
  int64_t count = 0;
  int64_t depth = 0;
};

Rows rows_of(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_same_type(x, args.output());
  require_same_shape(x, args.output());
  require_rank(x, 1, INT32_MAX);
  const int last = x.shape.rank() - 1;
  return {x.shape.elements(0, last), x.shape[last]};
}

/// f(row of x, row of y) for every row.
template <class T, class F>
Kernel row_kernel(Rows rows, F f) {
  return {[rows, f](const InvokeArgs& run) {
    for (int64_t r = 0; r < rows.count; ++r) {
      f(run.in<T>(0) + r * rows.depth, run.out<T>() + r * rows.depth, rows.depth);
    }
  }};
}

template <class T>
Kernel l2_fixed_point(const PrepareArgs& args, Rows rows) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  constexpr int32_t kZero = std::is_signed_v<T> ? 0 : 128;
  if (scale_of(y) != 1.0f / 128 || zero_of(y) != kZero) {
    fail(ErrorKind::unsupported, "{} has scale {} and zero point {}; the kernel gives 1/128 and {}",
         y.name, scale_of(y), zero_of(y), kZero);
  }
  return row_kernel<T>(rows, [zero = zero_of(x), range = range_of(y.type)](const T* in, T* out,
                                                                           int64_t depth) {
    int32_t squares = 0;
    for (int64_t c = 0; c < depth; ++c) {
      const int32_t value = in[c] - zero;
      squares = wrapping_add(squares, value * value);
    }
    const FixedMultiplier inverse = inverse_sqrt(std::max(squares, 0));
    for (int64_t c = 0; c < depth; ++c) {
      const int32_t value = in[c] - zero;
      int32_t scaled;
      if constexpr (std::is_signed_v<T>) {
        scaled = apply_multiplier(value, {inverse.multiplier, inverse.shift + 7});
      } else {
        scaled = rounding_divide_by_pot(
            saturating_rounding_doubling_high_mul(128 * value, inverse.multiplier), -inverse.shift);
      }
      out[c] = static_cast<T>(clamp(scaled + kZero, range));
    }
  });
}

}  // namespace

Kernel prepare_l2_normalization(const PrepareArgs& args) {
  if (attributes_of<FusedAttributes>(args).activation != Activation::none) {
    fail(ErrorKind::unsupported, "a fused activation has no kernel in L2_NORMALIZATION");
  }
  const Rows rows = rows_of(args);
  switch (args.input(0).type) {
    case DataType::float32:
      return row_kernel<float>(rows, [](const float* x, float* y, int64_t depth) {
        float squares = 0;
        for (int64_t c = 0; c < depth; ++c) squares += x[c] * x[c];
        const float length = std::max(std::sqrt(squares), 1e-6f);
        for (int64_t c = 0; c < depth; ++c) y[c] = x[c] / length;
      });
    case DataType::int8:
      return l2_fixed_point<int8_t>(args, rows);
    case DataType::uint8:
      return l2_fixed_point<uint8_t>(args, rows);
    default:
      fail_types(args);
  }
}

Kernel prepare_local_response_normalization(const PrepareArgs& args) {
  const auto a = attributes_of<LocalResponseNormalizationAttributes>(args);
  const Rows rows = rows_of(args);
  require_type(args.input(0), {DataType::float32});
  if (a.radius < 0) fail(ErrorKind::bad_file, "the radius is {}", a.radius);
  return row_kernel<float>(rows, [a](const float* x, float* y, int64_t depth) {
    for (int64_t c = 0; c < depth; ++c) {
      const int64_t end = std::min(depth, c + a.radius);
      float squares = 0;
      for (int64_t i = std::max<int64_t>(0, c - a.radius); i < end; ++i) squares += x[i] * x[i];
      y[c] = x[c] * std::pow(a.bias + a.alpha * squares, -a.beta);
    }
  });
}

}  // namespace smelt
