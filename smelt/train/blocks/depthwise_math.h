#pragma once

#include <vector>

#include "smelt/kernels/window.h"

namespace smelt::train {

/// Depthwise convolutions of one image: x [H,W,C], w [cells,C], z [Ho,Wo,C]. A vector of channels
/// at a time is copied with its padding, so that no cell needs a check and all is in the first
/// cache.
class DepthwiseMath {
 public:
  DepthwiseMath(const Window& window, int64_t channels);

  void forward(const float* x, const float* w, float* z);
  /// dw += what dz says.
  void weight_gradient(const float* x, const float* dz, float* dw);
  /// dx = or += what dz says.
  void operand_gradient(const float* dz, const float* w, bool add, float* dx);

 private:
  Window window_;
  Window back_;  ///< from dz to dx where the stride is 1
  int64_t channels_;
  std::vector<float> padded_, flipped_;
};

}  // namespace smelt::train
