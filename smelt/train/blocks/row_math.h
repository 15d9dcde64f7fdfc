#pragma once

#include <cstdint>

#include "smelt/train/blocks/row_transform.h"

namespace smelt::train {

// Arithmetic over rows of channels, vectorized. A matrix has `rows` rows, `stride` values apart,
// of which the first `channels` are meant; per-channel arrays have `channels` values.

struct RowsView {
  int64_t rows = 0;
  int64_t stride = 0;
  int64_t channels = 0;
};

/// sum1 += z - shift, sum2 += (z - shift)^2, per channel.
void add_moments(const RowsView& view, const float* z, const float* shift, float* sum1,
                 float* sum2);

/// y = transform(z); rows of y are y_stride values apart.
void transform_rows(const RowsView& view, const RowTransform& transform, const float* z, float* y,
                    int64_t y_stride);

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

/// A matrix in memory.
struct MatrixView {
  const float* data = nullptr;
  int64_t stride = 0;  ///< from row to row
  int64_t columns = 0;
};

/// c[n,k] = (or, where `add`, +=) the sum over `rows` rows of a[row,n] * b[row,k]; rows of c are
/// ldc values apart. Every sum runs through the rows in order.
void outer_products(int64_t rows, const MatrixView& a, const MatrixView& b, bool add, float* c,
                    int64_t ldc);

/// to[k * to_stride + i] = from[i * from_stride + k] for i in [0, rows), k in [0, columns).
void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_stride, float* to,
               int64_t to_stride);

/// to[i] += from[i].
void add_values(const float* from, float* to, int64_t count);

}  // namespace smelt::train
