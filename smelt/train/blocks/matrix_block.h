#pragma once

#include <vector>

#include "smelt/kernels/im2col.h"
#include "smelt/train/blocks/packed_matrix.h"
#include "smelt/train/blocks/weights.h"

namespace smelt::train {

/// Batches of at least this many rows are split by rows, smaller ones by columns.
constexpr int64_t kManyRows = 1024;

struct MatrixBlockOptions {
  Operand x;
  Parameter* kernel = nullptr;  ///< [O,kh,kw,C/groups] or [O,K]
  bool shared_kernel = false;   ///< other layers add to its gradient, too
  Value* y = nullptr;
  bool leave_pending = false;  ///< y's readers do what stands in its `pending`
  Im2Col shape;                ///< of one sample; batch is that of a sample's leading axis
  int64_t groups = 1;
  EpilogueOptions epilogue;
  const WeightQuant* weight_quant = nullptr;
  int64_t max_samples = 1;
  int threads = 1;
};

/// A convolution (CONV_2D, with groups) or a dense layer with its epilogue, as matrix products over
/// rows, which are the positions of the window in all samples:
///   z[row, o] = sum over k of window[row, k] * w[o, k]
/// Batches of many rows are worked on in blocks of rows, each from product to moments while it is
/// in the cache, with partial sums for each task; small ones (dense layers, the last convolutions)
/// are split by output channels, so that large kernels are read once.
class MatrixBlock : public Layer {
 public:
  MatrixBlock(std::string name, MatrixBlockOptions options);

  void forward(const Step& step) override;
  void backward(const Step& step) override;

 private:
  struct Scratch {
    std::vector<float> windows, dz, dx;
    AlignedArray<float> panel;  ///< where split by columns
  };
  struct Rows {
    const float* data;
    int64_t stride;
  };

  int64_t rows(const Step& step) const { return step.samples * rows_per_sample_; }
  int64_t row_tasks(const Step& step) const { return std::min(kPartials, step.samples); }
  RowRange task_rows(const Step& step, int64_t task) const;
  RowsView view(int64_t rows, int64_t channels) const { return {rows, outputs_, channels}; }
  Im2Col group_shape(int64_t group) const;
  /// Rows [first, first + count) of the windows of a group: x itself, or copied into scratch.
  Rows window_rows(int64_t group, int64_t first, int64_t count, std::vector<float>& scratch) const;

  void pack(const Step& step, bool backward);
  void forward_by_rows(const Step& step, float* z);
  void forward_by_columns(const Step& step, float* z);
  void copy_windows(const Step& step);

  void sums_by_rows(const Step& step);
  void gradients_by_rows(const Step& step);
  void operand_rows(int64_t first, int64_t count, const float* dz, std::vector<float>& scratch);
  void weight_rows(int64_t first, int64_t count, const float* dz, Scratch& scratch, bool add,
                   float* to);
  void dz_by_columns(const Step& step);
  void operand_by_columns(const Step& step);
  void weights_by_channels(const Step& step);
  void join_partial_gradients(const Step& step);
  void finish_weight_gradient(int64_t first, int64_t last);

  const RowTransform* pending() const {
    return o_.x.value != nullptr ? o_.x.value->pending : nullptr;
  }
  bool has_own_z() const { return epilogue_.keeps_z() && o_.y->pending == nullptr; }
  const float* z() const { return has_own_z() ? z_.data() : o_.y->data; }
  bool wants_weight_gradient() const { return !o_.kernel->grad.empty(); }
  float* weight_gradient() { return o_.shared_kernel ? gradient_.data() : o_.kernel->grad.data(); }

  MatrixBlockOptions o_;
  Epilogue epilogue_;
  BlockWeights weights_;
  int64_t outputs_, group_outputs_, depth_, rows_per_sample_;
  bool by_rows_, pointwise_, partial_kernels_;
  int64_t block_rows_;
  Panels forward_panels_, backward_panels_;         ///< of one group
  std::vector<PackedMatrix> packed_, packed_back_;  ///< per group, where split by rows
  std::vector<float> z_, gradient_;
  std::vector<float> windows_, dwindows_;  ///< of the whole batch, where split by columns
  std::vector<std::vector<float>> partial_gradients_;
  std::vector<Scratch> scratch_;  ///< per worker
};

}  // namespace smelt::train
