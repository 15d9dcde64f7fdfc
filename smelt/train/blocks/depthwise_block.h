#pragma once

#include <vector>

#include "smelt/kernels/window.h"
#include "smelt/train/blocks/weights.h"

namespace smelt::train {

struct DepthwiseBlockOptions {
  Operand x;
  Parameter* kernel = nullptr;  ///< [1,kh,kw,C*multiplier]
  bool shared_kernel = false;   ///< other layers add to its gradient, too
  Value* y = nullptr;
  Window window;
  int64_t images = 1;  ///< of one sample
  int64_t channels = 1;
  int64_t multiplier = 1;
  EpilogueOptions epilogue;
  const WeightQuant* weight_quant = nullptr;
  int64_t max_samples = 1;
  int threads = 1;
};

/// DEPTHWISE_CONV_2D with its epilogue, image by image. With a multiplier, each image's channels
/// are repeated first, so that one channel of x makes one of z.
class DepthwiseBlock : public Layer {
 public:
  DepthwiseBlock(std::string name, DepthwiseBlockOptions options);

  void forward(const Step& step) override;
  void backward(const Step& step) override;

 private:
  struct Scratch {
    std::vector<float> x, dx, dz;
  };
  int64_t tasks(const Step& step) const { return std::min(kPartials, step.samples); }
  RowRange task_images(const Step& step, int64_t task) const;
  RowsView view(int64_t images) const { return {images * positions_, outputs_, outputs_}; }
  const float* repeated(int64_t image, Scratch& scratch) const;
  void gradients_of_image(int64_t image, Scratch& scratch, float* dw);
  void join_partial_gradients(const Step& step);
  const float* z() const { return epilogue_.keeps_z() ? z_.data() : o_.y->data; }

  DepthwiseBlockOptions o_;
  Epilogue epilogue_;
  BlockWeights weights_;
  int64_t outputs_, positions_, x_size_, z_size_;  ///< the latter of one image
  std::vector<float> z_;
  std::vector<std::vector<float>> partial_gradients_;
  std::vector<Scratch> scratch_;  ///< per worker
};

}  // namespace smelt::train
