#pragma once

#include <limits>

namespace smelt::train {

/// What becomes of z, channel by channel: u = factor * z + offset, clamped by the activation to
/// [low, high], then rounded to steps of `step` and clipped to [quant_low, quant_high]; step 0: not
/// rounded.
struct RowTransform {
  const float* factor = nullptr;  ///< null: 1
  const float* offset = nullptr;  ///< null: 0
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  float step = 0;
  float quant_low = 0;
  float quant_high = 0;

  /// u gives a gradient where it lies strictly between these.
  float pass_low() const { return step > 0 && quant_low > low ? quant_low : low; }
  float pass_high() const { return step > 0 && quant_high < high ? quant_high : high; }

  /// For channels from `first` on.
  RowTransform from(long first) const {
    RowTransform t = *this;
    if (t.factor != nullptr) t.factor += first;
    if (t.offset != nullptr) t.offset += first;
    return t;
  }
};

}  // namespace smelt::train
