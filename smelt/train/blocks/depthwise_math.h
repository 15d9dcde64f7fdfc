#pragma once

#include <vector>

#include "smelt/kernels/window.h"
#include "smelt/train/blocks/row_transform.h"

namespace smelt::train {

/// An image, what is done to it first (or null), and the first of its channels that is meant.
struct DepthwiseImage {
  const float* pixels = nullptr;
  const RowTransform* pending = nullptr;
  int64_t first = 0;
  int64_t channels = 0;
};

/// Weights (or their gradients) by channel; those of cell (ky, kx) lie line * ky + step * kx behind
/// the first.
template <class T>
struct DepthwiseCells {
  T* first = nullptr;
  int64_t line = 0;
  int64_t step = 0;
};

/// Depthwise convolutions of one image: x [H,W,C], w [cells,C], z [Ho,Wo,C]. A vector of channels
/// at a time is copied with its padding, so that no cell needs a check and all is in the first
/// cache.
class DepthwiseMath {
 public:
  DepthwiseMath(const Window& window, int64_t channels);

  /// `pending`: what is done to x first, or null.
  void forward(const float* x, const RowTransform* pending, const float* w, float* z);
  /// dw += what dz says.
  void weight_gradient(const float* x, const RowTransform* pending, const float* dz, float* dw);
  /// dx = or += what dz says.
  void operand_gradient(const float* dz, const float* w, bool add, float* dx);

 private:
  Window window_;           ///< of the cells that ever lie inside of the image
  int64_t first_cell_ = 0;  ///< of these
  int64_t line_cells_ = 0;  ///< of a line of the whole filter
  Window back_;             ///< from dz to dx where the stride is 1
  int64_t channels_;
  std::vector<float> padded_, flipped_;
};

}  // namespace smelt::train
