#pragma once

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/window.h"

namespace smelt {

/// A depthwise convolution vectorized over channels. Weights lie by m (the outputs that one input
/// channel has), filter cell and input channel: [multiplier, cells, C]; bias [multiplier, C].
struct DepthwiseFast {
  Window window;
  int64_t batch = 1;
  int64_t channels = 2;  ///< C, at least 2
  int64_t multiplier = 1;

  AlignedArray<float> weights_float;
  AlignedArray<float> bias_float;
  FloatRange range_float;

  AlignedArray<int32_t> weights_int;  ///< low 16 bits hold the weight, the others are 0
  AlignedArray<int32_t> bias_int;
  AlignedArray<int32_t> bias_folded;  ///< bias - x_zero * sum of the weights
  Requantization requantization;      ///< columns are m * C + c
  int32_t x_zero = 0;
  DataType type = DataType::int8;  ///< or uint8, of x and y

  /// For the cells of the window at hand: where they are in x, and where their weights are.
  int64_t scratch_bytes() const {
    return window.cells() * 2 * static_cast<int64_t>(sizeof(int64_t));
  }
};

void run_depthwise_float(const DepthwiseFast& op, const float* x, float* y, int64_t* scratch);
void run_depthwise_int(const DepthwiseFast& op, const void* x, void* y, int64_t* scratch);

}  // namespace smelt
