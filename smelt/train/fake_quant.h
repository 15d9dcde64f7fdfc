#pragma once

#include <cstdint>

#include "smelt/train/layer.h"

namespace smelt::train {

/// Rounding as the integer model does it, in floats: real = scale * (q - zero_point) with q rounded
/// to nearest and kept in [low, high]. Gradients pass where the input is inside of the range
/// (straight-through estimator, Bengio et al. 2013); what is clipped goes to the ends of a learned
/// range (as tf.quantization.fake_quant_with_min_max_vars).
struct FakeQuant {
  float scale = 1;
  int32_t zero_point = 0;
  int32_t low = -128;
  int32_t high = 127;
  Parameter* range = nullptr;  ///< [min, max], learned; null: fixed
  bool symmetric = false;      ///< zero_point stays 0 (int16)

  float real_low() const { return scale * static_cast<float>(low - zero_point); }
  float real_high() const { return scale * static_cast<float>(high - zero_point); }

  /// Scale and zero point from the learned range, nudged so that 0 is exact, as calibration does.
  void follow_range();
};

/// y may be x.
void fake_quantize(const FakeQuant& quant, const float* x, float* y, int64_t count);

}  // namespace smelt::train
