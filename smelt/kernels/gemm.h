#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "smelt/kernels/fixed_point.h"

namespace smelt {

// Matrix products y[M,N] = x[M,K] * w[N,K]^T with the weights packed once, at prepare time, for the
// vector width of this machine. Everything that convolutions and dense layers do fast ends here.

/// A zeroed array at a multiple of 64 bytes.
template <class T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(int64_t size)
      : data_(static_cast<T*>(
            ::operator new (static_cast<size_t>(size) * sizeof(T) + 64, std::align_val_t{64}))) {
    std::uninitialized_fill_n(data_.get(), size, T{});
  }
  /// Memory that somebody else owns, under the same type.
  static AlignedArray view(T* data) {
    AlignedArray array;
    array.data_ = {data, Free{false}};
    return array;
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T& operator[](int64_t i) { return data_.get()[i]; }
  const T& operator[](int64_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* pointer) const { ::operator delete (pointer, std::align_val_t{64}); }
  };
  std::unique_ptr<T, Free> data_;
};

/// M rows of x, each of `count` segments of equal length that follow each other in K: segment s of
/// row m starts at segments[s] + m * stride. An ordinary matrix has one segment; the windows of a
/// convolution have one for each line of the filter, and rows overlap.
template <class T>
struct GemmRows {
  const T* const* segments = nullptr;
  int64_t count = 1;
  int64_t stride = 0;
  const void* weights = nullptr;  ///< in place of the product's own, where they are known only now
};

/// Packed float weights: panels of 2 * lanes columns (the last one of `lanes` where no more are
/// left), each [K, columns]. Bias has a value for every packed column.
struct FloatGemm {
  int64_t n = 0;
  int64_t k = 0;
  AlignedArray<float> weights;
  AlignedArray<float> bias;
  FloatRange range;
  /// Rows of y are ldy values apart.
  void (*run)(const FloatGemm& gemm, const GemmRows<float>& x, int64_t m, float* y,
              int64_t ldy) = nullptr;
};

/// How 32-bit sums become stored values; per column, padded like the weights.
struct Requantization {
  AlignedArray<int32_t> multiplier;
  AlignedArray<int32_t> left;   ///< shift left before the product
  AlignedArray<int32_t> right;  ///< rounding shift right after it
  AlignedArray<int32_t> mask;   ///< the bits that it drops: 2^right - 1
  AlignedArray<float> scale;    ///< in place of all these where the rule is apply_scale
  bool any_left = false;
  bool real = false;  ///< the rule is apply_scale
  int32_t zero = 0;
  IntRange range;

  Requantization() = default;
  /// One multiplier per column, or one for all; as many scales, or none.
  Requantization(const std::vector<FixedMultiplier>& multipliers, int64_t columns, int64_t padded,
                 int32_t zero, IntRange range, const std::vector<float>& scales = {});
};

/// Packed integer weights: panels as above, each [depth/2, columns, 2], as int8, or as int16 where
/// a zero point of the weights was subtracted. Segments of odd length have a weight of 0 behind
/// them, so that x must be readable one value further. x is int16 with its zero point subtracted,
/// |x| < 2^9 and |w| < 2^9, so that a pair of products fits; the sums are exact modulo 2^32 as
/// those of the reference are.
struct IntGemm {
  int64_t n = 0;
  int64_t depth = 0;  ///< K with every segment rounded up to even
  AlignedArray<int8_t> weights8;
  AlignedArray<int16_t> weights16;
  AlignedArray<int32_t> bias;
  Requantization requantization;
  DataType output = DataType::int8;  ///< or uint8, int32
  int64_t value_bytes() const { return output == DataType::int32 ? 4 : 1; }
  /// Rows of y are ldy bytes apart.
  void (*run)(const IntGemm& gemm, const GemmRows<int16_t>& x, int64_t m, void* y,
              int64_t ldy) = nullptr;
};

/// 32-bit lanes of the vectors on this machine, and the products made for them.
struct GemmKernels {
  int lanes = 1;
  decltype(FloatGemm::run) float32 = nullptr;
  decltype(IntGemm::run) int8 = nullptr;
  decltype(IntGemm::run) int16 = nullptr;
};
GemmKernels gemm_kernels();

inline int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Calls visit(column, offset) for every column: where column n's value of k = 0 lies, and `step`
/// to the next k (or pair of k, with two values to a column).
template <class Visit>
void for_each_packed_column(int64_t n, int64_t k, int64_t lanes, int64_t group, Visit&& visit) {
  const int64_t padded = round_up(n, lanes);
  for (int64_t first = 0; first < n; first += 2 * lanes) {
    const int64_t width = std::min(2 * lanes, padded - first);
    for (int64_t i = 0; i < width && first + i < n; ++i) {
      visit(first + i, first * k + i * group, width * group);
    }
  }
}

/// weight(n, k) is the value in row n, column k of the unpacked matrix; bias may be null.
template <class Weight>
FloatGemm pack_float_gemm(int64_t n, int64_t k, const float* bias, FloatRange range,
                          Weight&& weight) {
  const GemmKernels kernels = gemm_kernels();
  const int64_t padded = round_up(n, kernels.lanes);
  FloatGemm gemm{.n = n,
                 .k = k,
                 .weights = AlignedArray<float>(padded * k),
                 .bias = AlignedArray<float>(padded),
                 .range = range,
                 .run = kernels.float32};
  for_each_packed_column(n, k, kernels.lanes, 1, [&](int64_t col, int64_t offset, int64_t step) {
    for (int64_t i = 0; i < k; ++i) gemm.weights[offset + i * step] = weight(col, i);
    if (bias != nullptr) gemm.bias[col] = bias[col];
  });
  return gemm;
}

/// What an integer product needs besides its weights.
struct IntGemmOptions {
  const int32_t* bias = nullptr;  ///< may be null
  std::vector<FixedMultiplier> multipliers;
  std::vector<float> scales = {};  ///< as many, or none (see Requantization)
  int32_t zero = 0;
  IntRange range;
  DataType output = DataType::int8;
  bool wide = false;  ///< pack int16, for weights outside of int8
};

/// The same for integers, with K in `segments` segments.
template <class Weight>
IntGemm pack_int_gemm(int64_t n, int64_t k, int64_t segments, const IntGemmOptions& options,
                      Weight&& weight) {
  const GemmKernels kernels = gemm_kernels();
  const int64_t padded = round_up(n, kernels.lanes);
  const int64_t length = k / segments;
  const int64_t depth = round_up(length, 2) * segments;
  IntGemm gemm{.n = n,
               .depth = depth,
               .bias = AlignedArray<int32_t>(padded),
               .requantization = Requantization(options.multipliers, n, padded, options.zero,
                                                options.range, options.scales),
               .output = options.output,
               .run = options.wide ? kernels.int16 : kernels.int8};
  if (options.wide) {
    gemm.weights16 = AlignedArray<int16_t>(padded * depth);
  } else {
    gemm.weights8 = AlignedArray<int8_t>(padded * depth);
  }
  for_each_packed_column(
      n, depth, kernels.lanes, 2, [&](int64_t col, int64_t offset, int64_t step) {
        for (int64_t i = 0; i < k; ++i) {
          const int64_t at = i / length * round_up(length, 2) + i % length;  // k > 0, so length > 0
          const int64_t to = offset + at / 2 * step + at % 2;
          const int32_t value = weight(col, i);
          if (options.wide) {
            gemm.weights16[to] = static_cast<int16_t>(value);
          } else {
            gemm.weights8[to] = static_cast<int8_t>(value);
          }
        }
        if (options.bias != nullptr) gemm.bias[col] = options.bias[col];
      });
  return gemm;
}

}  // namespace smelt
