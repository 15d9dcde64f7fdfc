#pragma once

#include <vector>

#include "smelt/train/blocks/epilogue.h"
#include "smelt/train/quantization_map.h"

namespace smelt::train {

/// A kernel as a matrix: the value of output channel o at position k is data[o * step_o + k *
/// step_k]. Convolutions [O, K] and depthwise kernels [K, O] differ in the steps.
struct KernelLayout {
  int64_t channels = 0;
  int64_t positions = 0;
  int64_t channel_step = 0;
  int64_t position_step = 0;
};

/// The weights that a block computes with: the parameter itself, or, quantization-aware, what the
/// integer model will hold: batch normalization folded by its running statistics, rounded to the
/// steps of the largest weight. Gradients pass straight through the rounding.
class BlockWeights {
 public:
  BlockWeights(Parameter* kernel, const KernelLayout& layout, const WeightQuant* quant = nullptr,
               const std::optional<BatchNorm>& norm = {});

  Parameter& kernel() const { return *kernel_; }
  const float* data() const { return quant_ != nullptr ? rounded_.data() : kernel_->data.data(); }
  /// What output channels are multiplied with against the kernel; null: 1.
  const float* channel_scale() const { return fold_.empty() ? nullptr : fold_.data(); }

  /// To be called before each forward pass.
  void prepare(Workers& workers);
  /// Turns a gradient by data(), of output channels [first, last), into one by the kernel.
  void through(float* gradient, int64_t first, int64_t last) const;

 private:
  void fold_and_measure(int64_t channel);
  void round_channel(int64_t channel, float step);

  Parameter* kernel_;
  KernelLayout layout_;
  const WeightQuant* quant_;
  std::optional<BatchNorm> norm_;
  std::vector<float> rounded_, fold_, largest_;
};

}  // namespace smelt::train
