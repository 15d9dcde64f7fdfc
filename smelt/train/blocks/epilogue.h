#pragma once

#include <optional>
#include <vector>

#include "smelt/train/blocks/row_math.h"
#include "smelt/train/fake_quant.h"
#include "smelt/train/module.h"

namespace smelt::train {

/// Batch normalization behind a linear op.
struct BatchNorm {
  Parameter* gamma = nullptr;  ///< null: 1
  Parameter* beta = nullptr;   ///< null: 0
  Statistic* mean = nullptr;   ///< running
  Statistic* variance = nullptr;
  float epsilon = 1e-3f;
  float momentum = 0.99f;
  /// Where it says true, running statistics are used, and stay, in training too; null: never.
  const bool* frozen = nullptr;
};

/// What stands behind the linear map of a block, which computes z: a bias or batch normalization,
/// a clamping activation, fake quantization.
struct EpilogueOptions {
  int64_t channels = 0;
  Parameter* bias = nullptr;
  std::optional<BatchNorm> norm;
  float low = 0;  ///< of the activation; infinite where there is none
  float high = 0;
  const FakeQuant* quant = nullptr;
};

/// The part of a pass that one task does. Tasks that split the rows of a batch have a row of
/// partial sums each and see all channels; those that split the channels share row 0.
struct Part {
  int64_t task = 0;
  int64_t partial = 0;
  int64_t first = 0;  ///< channel
};

/// Per-channel arithmetic behind a linear map, for passes over a batch:
///   begin_forward; parts: start_moments, add_moments on z; end_moments; parts: transform z to y
///   begin_backward; parts: add_sums on dy; end_sums; parts: gradient to dz; end_backward
/// Moments are needed only where needs_moments says so.
class Epilogue {
 public:
  Epilogue(EpilogueOptions options, int64_t max_tasks);

  const EpilogueOptions& options() const { return options_; }

  /// `rows` of z belong to each partial sum. z is weight_scale[channel] times what the weights as
  /// they are would give (null: 1); normalization takes it out again.
  void begin_forward(const Step& step, const std::vector<int64_t>& rows, const float* weight_scale);
  /// True where this pass normalizes with the statistics of the batch.
  bool needs_moments() const { return batch_; }
  /// True where backward wants z; else y may take its place.
  bool keeps_z() const { return options_.norm.has_value() || options_.quant != nullptr; }

  /// z points at channel part.first of a row; the view's channels are those of the part.
  void start_moments(const Part& part, const RowsView& view, const float* z);
  void add_moments(const Part& part, const RowsView& view, const float* z);
  /// Of `count` channels, whose moments are complete.
  void end_moments(int64_t first, int64_t count);
  void transform(const Part& part, const RowsView& view, const float* z, float* y) const;
  /// What `transform` does in this pass, for readers that do it themselves (Value::pending).
  const RowTransform& row_transform() const { return transform_; }

  void begin_backward();
  void add_sums(const Part& part, const RowsView& view, const float* z, const float* dy);
  /// Of `count` channels: adds the gradients of gamma, beta and bias, and prepares `gradient`.
  void end_sums(int64_t first, int64_t count);
  void gradient(const Part& part, const RowsView& view, const float* z, const float* dy, float* dz,
                int64_t dz_stride) const;
  /// Behind all end_sums: the gradient of a learned range.
  void end_backward();

 private:
  struct Partial {
    std::vector<float> shift, sum1, sum2;
    int64_t rows = 0;
  };
  struct Clipped {
    float low = 0, high = 0;
  };
  void use_running_statistics(size_t c);
  void join_moments(size_t c);

  EpilogueOptions options_;
  RowTransform transform_;
  RowTransform backward_;               ///< of what backward sees: z, or y where z was not kept
  bool batch_ = false;                  ///< this pass uses the statistics of the batch
  std::vector<float> factor_, offset_;  ///< u = factor * z + offset
  std::vector<float> mean_, inverse_, scale_;  ///< of z; 1 / sqrt(variance + epsilon); of weights
  std::vector<float> by_du_, by_z_, constant_;
  std::vector<Partial> partials_;
  std::vector<Clipped> clipped_;  ///< per task
};

}  // namespace smelt::train
