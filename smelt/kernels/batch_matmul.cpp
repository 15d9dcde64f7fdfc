#include "smelt/kernels/batch_matmul.h"

#include <memory>

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// Values of a matrix by row and column of the product, however it is stored.
template <class T>
struct MatrixView {
  const T* values;
  int64_t row_step, column_step;
  const T& operator()(int64_t row, int64_t column) const {
    return values[row * row_step + column * column_step];
  }
};

struct MatmulShape {
  int64_t m = 0, k = 0, n = 0;
  bool adj_x = false, adj_y = false;
  std::vector<int64_t> x_offset, y_offset;  ///< of the matrices that make each one of the result

  template <class T>
  MatrixView<T> x(const T* values, size_t i) const {
    return {values + x_offset[i], adj_x ? 1 : k, adj_x ? m : 1};
  }
  template <class T>
  MatrixView<T> y(const T* values, size_t i) const {
    return {values + y_offset[i], adj_y ? 1 : n, adj_y ? k : 1};
  }
};

Shape leading_axes(const Shape& shape) {
  return Shape(std::vector<int32_t>(shape.dims().begin(), shape.dims().end() - 2));
}

/// Where the matrices of an operand start, for each matrix of the result.
std::vector<int64_t> matrix_offsets(const Shape& operand, const Shape& batch) {
  std::vector<int64_t> offsets(static_cast<size_t>(batch.elements()));
  const Shape own = leading_axes(operand);
  for (size_t i = 0; i < offsets.size(); ++i) {
    auto rest = static_cast<int64_t>(i);
    int64_t stride = operand.elements(operand.rank() - 2, operand.rank());
    for (int axis = own.rank() - 1, b = batch.rank() - 1; axis >= 0; --axis, --b) {
      if (own[axis] != 1) offsets[i] += rest % batch[b] * stride;
      rest /= batch[b];
      stride *= own[axis];
    }
  }
  return offsets;
}

MatmulShape matmul_shape(const BatchMatMulAttributes& a, const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.input(1);
  constexpr int kMaxRank = 8;
  require_rank(x, 2, kMaxRank);
  require_rank(y, 2, kMaxRank);
  const int32_t x_rows = x.shape[x.shape.rank() - 2];
  const int32_t y_rows = y.shape[y.shape.rank() - 2];
  const int32_t m = a.adj_x ? x.shape.back() : x_rows;
  const int32_t n = a.adj_y ? y_rows : y.shape.back();
  MatmulShape s{m, a.adj_x ? x_rows : x.shape.back(), n, a.adj_x, a.adj_y, {}, {}};
  if (s.k != (a.adj_y ? y.shape.back() : y_rows)) {
    fail(ErrorKind::bad_file, "shapes {} and {} do not multiply", to_string(x.shape),
         to_string(y.shape));
  }
  const Shape batch = broadcast(leading_axes(x.shape), leading_axes(y.shape));
  std::vector<int32_t> dims = batch.dims();
  dims.push_back(m);
  dims.push_back(n);
  require_shape(args.output(), Shape(std::move(dims)));
  if (args.output().shape.elements() > 0) {
    s.x_offset = matrix_offsets(x.shape, batch);
    s.y_offset = matrix_offsets(y.shape, batch);
  }
  return s;
}

struct MatmulQuantization {
  FixedMultiplier multiplier;
  int32_t x_zero = 0, y_zero = 0, zero = 0;
  IntRange range;

  /// A sum of products to its stored value; Sum is int32_t or int64_t.
  template <class Sum>
  int32_t stored(Sum sum) const {
    return clamp(wrapping_add(apply_multiplier(sum, multiplier), zero), range);
  }
};

MatmulQuantization matmul_quantization(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.input(1);
  const Operand& result = args.output();
  // LiteRT reads the one scale of weights with a scale per channel as 0, so that every product is
  // 0.
  const bool without_scale = x.type == DataType::int16 && y.quantization->per_axis();
  for (const Operand* operand : {&x, &y, &result}) {
    if (operand == &y && without_scale) continue;
    require_per_tensor(*operand);
    if (operand->type == DataType::int16 && zero_of(*operand) != 0) {
      fail(ErrorKind::bad_file, "{} is int16 and must have zero point 0", operand->name);
    }
  }
  // The scales are multiplied in float32 (GetQuantizedConvolutionMultipler).
  const auto product = static_cast<double>(scale_of(x) * (without_scale ? 0.0f : scale_of(y)));
  MatmulQuantization q{quantize_multiplier(product / static_cast<double>(scale_of(result))),
                       zero_of(x), without_scale ? 0 : zero_of(y), zero_of(result),
                       range_of(result.type)};
  if (x.type == DataType::int16 && q.multiplier.shift > 7) {
    fail(ErrorKind::bad_file, "scales of {} and {} make a ratio of 2^{}; 2^7 is the limit", x.name,
         result.name, q.multiplier.shift);
  }
  return q;
}

/// finish(sum of times(x, y)) for every element of the result.
template <class X, class Y, class T, class Sum, class Times, class Finish>
Kernel plain_matmul(MatmulShape shape, Times times, Finish finish) {
  return {[s = std::move(shape), times, finish](const InvokeArgs& args) {
    T* out = args.out<T>();
    for (size_t i = 0; i < s.x_offset.size(); ++i) {
      const auto x = s.x(args.in<X>(0), i);
      const auto y = s.y(args.in<Y>(1), i);
      for (int64_t m = 0; m < s.m; ++m) {
        for (int64_t n = 0; n < s.n; ++n) {
          Sum sum{};
          for (int64_t k = 0; k < s.k; ++k) sum += times(x(m, k), y(k, n));
          *out++ = static_cast<T>(finish(sum));
        }
      }
    }
  }};
}

Kernel plain_int8_matmul(MatmulShape s, const MatmulQuantization& q) {
  return plain_matmul<int8_t, int8_t, int8_t, uint32_t>(
      std::move(s),
      [q](int32_t x, int32_t y) { return static_cast<uint32_t>((x - q.x_zero) * (y - q.y_zero)); },
      [q](uint32_t sum) { return q.stored(static_cast<int32_t>(sum)); });
}

/// The second operand is int16, or int8 with a zero point of 0.
template <class Y>
Kernel plain_int16_matmul(MatmulShape s, const MatmulQuantization& q) {
  return plain_matmul<int16_t, Y, int16_t, uint64_t>(
      std::move(s), [](int64_t x, int64_t y) { return static_cast<uint64_t>(x * y); },
      [q](uint64_t sum) { return q.stored(static_cast<int64_t>(sum)); });
}

/// int8 operands as stored (zero points do not count) -> int32.
Kernel unscaled_matmul(MatmulShape s) {
  return plain_matmul<int8_t, int8_t, int32_t, uint32_t>(
      std::move(s), [](int32_t x, int32_t y) { return static_cast<uint32_t>(x * y); },
      [](uint32_t sum) { return sum; });
}

/// float32 times int8: each row of x is quantized when the op runs.
Kernel hybrid_matmul(const PrepareArgs& args, MatmulShape shape, bool asymmetric) {
  const Operand& y = args.input(1);
  require_type(y, {DataType::int8});
  require_type(args.output(), {DataType::float32});
  const std::vector<float>& scales = y.quantization->scale;
  if (scales.size() != 1 && static_cast<int64_t>(scales.size()) != shape.n) {
    fail(ErrorKind::bad_file, "{} has {} scales for {} columns", y.name, scales.size(), shape.n);
  }
  const int64_t row = shape.k;
  return {[s = std::move(shape), scales, asymmetric](const InvokeArgs& run) {
            auto* values = reinterpret_cast<float*>(run.scratch);
            auto* stored = reinterpret_cast<int8_t*>(values + s.k);
            float* out = run.out<float>();
            for (size_t i = 0; i < s.x_offset.size(); ++i) {
              const auto x = s.x(run.in<float>(0), i);
              const auto weights = s.y(run.in<int8_t>(1), i);
              for (int64_t m = 0; m < s.m; ++m) {
                for (int64_t k = 0; k < s.k; ++k) values[k] = x(m, k);
                const BatchScale batch = quantize_batch(values, s.k, !asymmetric, stored);
                for (int64_t n = 0; n < s.n; ++n) {
                  int32_t sum = 0;
                  for (int64_t k = 0; k < s.k; ++k) {
                    sum += (stored[k] - batch.zero) * weights(k, n);
                  }
                  const float scale = scales[scales.size() == 1 ? 0 : static_cast<size_t>(n)];
                  *out++ = static_cast<float>(sum) * (batch.scale * scale);
                }
              }
            }
          },
          checked_mul(row, static_cast<int64_t>(sizeof(float)) + 1, "scratch of a row")};
}

/// Packs y when it is not the one packed before, and copies the rows of x where they are not stored
/// as the product reads them. Value is float, or int16_t with zero points subtracted.
template <class T, class Value, class Gemm>
struct FastMatmul {
  MatmulShape s;
  Gemm gemm;  ///< without weights
  int64_t lanes = 1;
  int64_t group = 1;  ///< values of K that lie side by side in the packed weights
  int32_t x_zero = 0, y_zero = 0;

  int64_t depth() const { return round_up(s.k, group); }
  int64_t packed() const { return round_up(round_up(s.n, lanes) * depth(), 64); }
  int64_t scratch_bytes() const {
    const int64_t rows = checked_mul(s.m, depth(), "rows of a product");
    return checked_mul(packed() + rows, sizeof(Value), "scratch of a product");
  }

  void pack(const T* values, size_t i, Value* weights) const {
    const auto y = s.y(values, i);
    for_each_packed_column(s.n, depth(), lanes, group, [&](int64_t n, int64_t at, int64_t step) {
      for (int64_t k = 0; k < s.k; ++k) {
        weights[at + k / group * step + k % group] = static_cast<Value>(y(k, n) - Value(y_zero));
      }
    });
  }

  /// Rows of x as the product reads them.
  const Value* rows(const T* values, size_t i, Value* copy) const {
    const auto x = s.x(values, i);
    if constexpr (std::is_same_v<T, Value>) {
      if (!s.adj_x) return x.values;
    }
    for (int64_t m = 0; m < s.m; ++m) {
      for (int64_t k = 0; k < s.k; ++k) {
        copy[m * depth() + k] = static_cast<Value>(x(m, k) - Value(x_zero));
      }
    }
    return copy;
  }

  void run(const InvokeArgs& args) const {
    auto* weights = reinterpret_cast<Value*>(args.scratch);
    Value* copy = weights + packed();
    std::fill_n(weights, packed() + s.m * depth(), Value{0});
    for (size_t i = 0; i < s.x_offset.size(); ++i) {
      if (i == 0 || s.y_offset[i] != s.y_offset[i - 1]) pack(args.in<T>(1), i, weights);
      const Value* x = rows(args.in<T>(0), i, copy);
      gemm.run(gemm, {.segments = &x, .stride = depth(), .weights = weights}, s.m,
               args.out<T>() + static_cast<int64_t>(i) * s.m * s.n, s.n);
    }
  }
};

template <class Fast>
Kernel fast_kernel(Fast fast) {
  auto shared = std::make_shared<const Fast>(std::move(fast));
  return {[shared](const InvokeArgs& args) { shared->run(args); }, shared->scratch_bytes()};
}

Kernel fast_float_matmul(MatmulShape s) {
  const GemmKernels kernels = gemm_kernels();
  FloatGemm gemm{.n = s.n,
                 .k = s.k,
                 .bias = AlignedArray<float>(round_up(s.n, kernels.lanes)),
                 .run = kernels.float32};
  return fast_kernel(
      FastMatmul<float, float, FloatGemm>{std::move(s), std::move(gemm), kernels.lanes});
}

Kernel fast_int8_matmul(MatmulShape s, const MatmulQuantization& q) {
  const GemmKernels kernels = gemm_kernels();
  const int64_t padded = round_up(s.n, kernels.lanes);
  IntGemm gemm{.n = s.n,
               .depth = round_up(s.k, 2),
               .bias = AlignedArray<int32_t>(padded),
               .requantization = Requantization({q.multiplier}, s.n, padded, q.zero, q.range),
               .run = kernels.int16};
  return fast_kernel(FastMatmul<int8_t, int16_t, IntGemm>{std::move(s), std::move(gemm),
                                                          kernels.lanes, 2, q.x_zero, q.y_zero});
}

}  // namespace

Kernel prepare_batch_matmul(const PrepareArgs& args) {
  const auto& a = attributes_of<BatchMatMulAttributes>(args);
  const Operand& x = args.input(0);
  const Operand& y = args.input(1);
  require_type(x, {DataType::float32, DataType::int8, DataType::int16});
  MatmulShape s = matmul_shape(a, args);
  if (is_hybrid(x, y)) return hybrid_matmul(args, std::move(s), a.asymmetric_quantize_inputs);
  const bool int16_by_int8 = x.type == DataType::int16 && y.type == DataType::int8;
  if (!int16_by_int8) require_same_type(x, y);
  if (x.type == DataType::int8 && args.output().type == DataType::int32) {
    return unscaled_matmul(std::move(s));
  }
  require_same_type(x, args.output());
  const bool plain = args.choice == KernelChoice::plain;
  if (x.type == DataType::float32) {
    if (!plain) return fast_float_matmul(std::move(s));
    return plain_matmul<float, float, float, float>(
        std::move(s), [](float l, float r) { return l * r; }, [](float sum) { return sum; });
  }
  const MatmulQuantization q = matmul_quantization(args);
  if (int16_by_int8) return plain_int16_matmul<int8_t>(std::move(s), q);
  if (x.type == DataType::int16) return plain_int16_matmul<int16_t>(std::move(s), q);
  return plain ? plain_int8_matmul(std::move(s), q) : fast_int8_matmul(std::move(s), q);
}

}  // namespace smelt
