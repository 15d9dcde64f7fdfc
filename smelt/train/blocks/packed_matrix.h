#pragma once

#include "smelt/kernels/gemm.h"
#include "smelt/train/workers.h"

namespace smelt::train {

/// The right side of products y[M,N] = x[M,K] * b[K,N], packed anew in every step.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(int64_t n, int64_t k);

  /// Groups of columns that are packed and multiplied as one.
  int64_t panels() const { return (n_ + width_ - 1) / width_; }
  /// The first column of a panel; N behind the last one.
  int64_t column(int64_t panel) const { return std::min(panel * width_, n_); }

  /// From b stored as [N,K] (weights in a forward pass), panels [first, last).
  void pack_rows(const float* b, int64_t first, int64_t last);
  /// From b stored as [K,N] (weights in a backward pass).
  void pack_columns(const float* b, int64_t first, int64_t last);

  /// Columns of panels [first, last) of `m` rows; x is a matrix with rows ldx values apart. y is
  /// column 0 of the first row.
  void multiply(const float* x, int64_t ldx, int64_t m, int64_t first, int64_t last, float* y,
                int64_t ldy) const;

 private:
  /// Calls visit(first column, columns with room, where they are packed) for each panel.
  template <class Visit>
  void for_each_panel(int64_t first, int64_t last, Visit&& visit);

  int64_t n_ = 0, k_ = 0, lanes_ = 1, width_ = 1;
  AlignedArray<float> values_;
};

}  // namespace smelt::train
