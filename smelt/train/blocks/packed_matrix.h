#pragma once

#include <vector>

#include "smelt/kernels/gemm.h"

namespace smelt::train {

/// The columns of a product y[M,N] = x[M,K] * b[K,N] in panels as the matrix kernel reads them.
class Panels {
 public:
  Panels() = default;
  Panels(int64_t n, int64_t k);

  int64_t count() const { return (n_ + width_ - 1) / width_; }
  /// The first column of a panel; N behind the last one.
  int64_t column(int64_t panel) const { return std::min(panel * width_, n_); }
  /// Values of all packed panels; panel p starts at column(p) * K.
  int64_t packed_size() const { return round_up(n_, lanes_) * k_; }
  /// Values of one panel.
  int64_t panel_size() const { return width_ * k_; }

  /// Packs one panel from b stored as [N,K] (weights in a forward pass).
  void pack_rows(const float* b, int64_t panel, float* to) const;
  /// The same from b stored as [K,N] (weights in a backward pass).
  void pack_columns(const float* b, int64_t panel, float* to) const;

  /// Columns of panels [first, last), which are packed one behind the other, for `m` rows of x,
  /// ldx values apart. y is column 0 of the first row.
  void multiply(const float* packed, int64_t first, int64_t last, const float* x, int64_t ldx,
                int64_t m, float* y, int64_t ldy) const;

 private:
  /// Columns that a panel has room for.
  int64_t room(int64_t panel) const {
    return std::min(width_, round_up(n_, lanes_) - panel * width_);
  }

  int64_t n_ = 0, k_ = 0, lanes_ = 1, width_ = 1;
};

/// The right side of such a product with all its panels, packed anew in every step.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(int64_t n, int64_t k) : panels_(n, k), values_(panels_.packed_size()) {}

  int64_t panels() const { return panels_.count(); }
  int64_t column(int64_t panel) const { return panels_.column(panel); }

  /// Panels [first, last), see Panels.
  void pack_rows(const float* b, int64_t first, int64_t last);
  void pack_columns(const float* b, int64_t first, int64_t last);
  void multiply(const float* x, int64_t ldx, int64_t m, int64_t first, int64_t last, float* y,
                int64_t ldy) const {
    panels_.multiply(packed(first), first, last, x, ldx, m, y, ldy);
  }

 private:
  const float* packed(int64_t panel) const { return values_.data() + panel * panels_.panel_size(); }

  Panels panels_;
  AlignedArray<float> values_;
};

}  // namespace smelt::train
