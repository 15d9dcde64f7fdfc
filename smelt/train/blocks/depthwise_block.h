#pragma once

#include <vector>

#include "smelt/train/blocks/depthwise_math.h"
#include "smelt/train/blocks/weights.h"

namespace smelt::train {

struct DepthwiseBlockOptions {
  Operand x;
  Parameter* kernel = nullptr;  ///< [1,kh,kw,C*multiplier]
  bool shared_kernel = false;   ///< other layers add to its gradient, too
  Value* y = nullptr;
  bool leave_pending = false;  ///< y's readers do what stands in its `pending`
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
    DepthwiseMath math;
    std::vector<float> x, dx, dz;
  };
  int64_t tasks(const Step& step) const { return std::min(kPartials, step.samples); }
  const RowTransform* pending() const {
    return o_.x.value != nullptr ? o_.x.value->pending : nullptr;
  }
  RowRange task_images(const Step& step, int64_t task) const;
  /// Calls visit(first, count) for groups of a task's images that fit into the cache together.
  template <class Visit>
  void for_each_group(const Step& step, int64_t task, Visit&& visit) const;
  RowsView view(int64_t images) const { return {images * positions_, outputs_, outputs_}; }
  /// The image with its channels repeated.
  const float* repeated(int64_t image, Scratch& scratch) const;
  void operand_gradient(int64_t image, const float* dz, Scratch& scratch) const;
  void join_partial_gradients(const Step& step);
  bool has_own_z() const { return epilogue_.keeps_z() && o_.y->pending == nullptr; }
  const float* z() const { return has_own_z() ? z_.data() : o_.y->data; }

  DepthwiseBlockOptions o_;
  Epilogue epilogue_;
  BlockWeights weights_;
  int64_t outputs_, positions_, x_size_, z_size_, group_;
  std::vector<float> z_;
  std::vector<std::vector<float>> partial_gradients_;
  std::vector<Scratch> scratch_;  ///< per worker
};

}  // namespace smelt::train
