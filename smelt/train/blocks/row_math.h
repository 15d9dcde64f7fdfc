#pragma once

#include <cstdint>

namespace smelt::train {

// Arithmetic over rows of channels, vectorized. A matrix has `rows` rows, `stride` values apart,
// of which the first `channels` are meant; per-channel arrays have `channels` values.

struct RowsView {
  int64_t rows = 0;
  int64_t stride = 0;
  int64_t channels = 0;
};

/// What becomes of z: u = factor * z + offset, clamped by the activation to [low, high], then
/// rounded to steps of `step` and clipped to [quant_low, quant_high]; step 0: not rounded.
struct RowTransform {
  const float* factor = nullptr;  ///< null: 1
  const float* offset = nullptr;  ///< null: 0
  float low = 0;
  float high = 0;
  float step = 0;
  float quant_low = 0;
  float quant_high = 0;

  /// u gives a gradient where it lies strictly between these.
  float pass_low() const { return step > 0 && quant_low > low ? quant_low : low; }
  float pass_high() const { return step > 0 && quant_high < high ? quant_high : high; }
};

/// sum1 += z - shift, sum2 += (z - shift)^2, per channel.
void add_moments(const RowsView& view, const float* z, const float* shift, float* sum1,
                 float* sum2);

/// y = transform(z).
void transform_rows(const RowsView& view, const RowTransform& transform, const float* z, float* y);

/// What a gradient through a transform leaves per channel: the sums over rows of du and of
/// du * (z - shift), where du is dy where u passes and 0 elsewhere; and, over all, of the dy that
/// was clipped at the ends of the quantized range.
struct GradientSums {
  const float* shift = nullptr;
  float* du = nullptr;
  float* du_z = nullptr;  ///< null: not wanted
  float clipped_low = 0;
  float clipped_high = 0;
};
void add_gradient_sums(const RowsView& view, const RowTransform& transform, const float* z,
                       const float* dy, GradientSums& sums);

/// dz = by_du * du + by_z * z + constant per channel; dz may be dy. Rows of dz are dz_stride apart.
struct GradientFactors {
  const float* by_du = nullptr;  ///< null: dz = du
  const float* by_z = nullptr;   ///< null: 0, and so is constant
  const float* constant = nullptr;
};
void gradient_rows(const RowsView& view, const RowTransform& transform,
                   const GradientFactors& factors, const float* z, const float* dy, float* dz,
                   int64_t dz_stride);

/// c[n,k] += sum over rows of a[row,n] * b[row,k] for N columns of a and K of b; rows of c are ldc
/// values apart. Every sum runs through the rows in order.
void add_outer_products(int64_t rows, const float* a, int64_t lda, int64_t n, const float* b,
                        int64_t ldb, int64_t k, float* c, int64_t ldc);

/// to[i] += from[i].
void add_values(const float* from, float* to, int64_t count);

}  // namespace smelt::train
