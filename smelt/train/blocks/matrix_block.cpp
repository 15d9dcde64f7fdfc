#include "smelt/train/blocks/matrix_block.h"

#include <algorithm>

namespace smelt::train {
namespace {

/// Values of windows and z that a thread works on at a time: they stay in its second cache.
constexpr int64_t kBlockValues = 24 * 1024;
/// Batches of at least this many rows are split by rows, smaller ones by columns.
constexpr int64_t kManyRows = 1024;
/// Kernels up to this size get a partial sum of their gradient from each task.
constexpr int64_t kSmallKernel = 64 * 1024;

}  // namespace

MatrixBlock::MatrixBlock(std::string name, MatrixBlockOptions options)
    : Layer(std::move(name)),
      o_(std::move(options)),
      epilogue_(o_.epilogue, kPartials),
      weights_(o_.kernel,
               {.channels = o_.epilogue.channels,
                .positions = o_.kernel->size() / o_.epilogue.channels,
                .channel_step = o_.kernel->size() / o_.epilogue.channels,
                .position_step = 1},
               o_.weight_quant, o_.epilogue.norm),
      outputs_(o_.epilogue.channels),
      group_outputs_(outputs_ / o_.groups),
      depth_(o_.kernel->size() / outputs_),
      rows_per_sample_(o_.shape.batch * o_.shape.window.positions()) {
  const int64_t most_rows = rows_per_sample_ * o_.max_samples;
  pointwise_ = o_.groups == 1 && o_.shape.pointwise();
  by_rows_ = most_rows >= kManyRows || o_.groups > 1;
  partial_kernels_ = by_rows_ && o_.kernel->size() <= kSmallKernel;
  block_rows_ = std::clamp<int64_t>(kBlockValues / (depth_ + outputs_) / 6 * 6, 12, 384);
  for (int64_t g = 0; g < o_.groups; ++g) {
    packed_.emplace_back(group_outputs_, depth_);
    packed_back_.emplace_back(depth_, group_outputs_);
  }
  if (epilogue_.keeps_z()) z_.resize(static_cast<size_t>(most_rows * outputs_));
  if (!by_rows_ && !pointwise_) {
    windows_.resize(static_cast<size_t>(most_rows * depth_ + kIm2ColSlack));
  }
  if (!by_rows_ && (!pointwise_ || o_.x.accumulate)) {
    dwindows_.resize(static_cast<size_t>(most_rows * depth_));
  }
  if (partial_kernels_) partial_gradients_.resize(kPartials);
  for (auto& partial : partial_gradients_) partial.resize(static_cast<size_t>(o_.kernel->size()));
  if (o_.shared_kernel) gradient_.resize(static_cast<size_t>(o_.kernel->size()));
  scratch_.resize(static_cast<size_t>(o_.threads));
}

RowRange MatrixBlock::task_rows(const Step& step, int64_t task) const {
  const RowRange samples = rows_of_task(step.samples, row_tasks(step), task);
  return {samples.begin * rows_per_sample_, samples.end * rows_per_sample_};
}

Im2Col MatrixBlock::group_shape(int64_t group) const {
  Im2Col shape = o_.shape;
  shape.batch *= o_.max_samples;
  shape.first_channel = group * shape.row_channels;
  shape.row_stride = depth_;
  return shape;
}

MatrixBlock::Rows MatrixBlock::window_rows(int64_t group, int64_t first, int64_t count,
                                           std::vector<float>& scratch) const {
  if (pointwise_) return {o_.x.data() + first * depth_, depth_};
  if (!by_rows_) return {windows_.data() + first * depth_, depth_};
  scratch.resize(static_cast<size_t>(block_rows_ * depth_ + kIm2ColSlack));
  im2col(group_shape(group), o_.x.data(), first, count, scratch.data());
  return {scratch.data(), depth_};
}

void MatrixBlock::pack_forward(const Step& step) {
  weights_.prepare(*step.workers);
  for (int64_t g = 0; g < o_.groups; ++g) {
    PackedMatrix& packed = packed_[static_cast<size_t>(g)];
    const int64_t tasks = std::min(kPartials, packed.panels());
    const float* w = weights_.data() + g * group_outputs_ * depth_;
    step.workers->run(tasks, [&](int, int64_t task) {
      const RowRange panels = rows_of_task(packed.panels(), tasks, task);
      packed.pack_rows(w, panels.begin, panels.end);
    });
  }
}

void MatrixBlock::forward(const Step& step) {
  pack_forward(step);
  float* z = epilogue_.keeps_z() ? z_.data() : o_.y->data;
  if (by_rows_) {
    forward_by_rows(step, z);
  } else {
    forward_by_columns(step, z);
  }
}

void MatrixBlock::forward_by_rows(const Step& step, float* z) {
  const int64_t tasks = row_tasks(step);
  std::vector<int64_t> counts;
  for (int64_t task = 0; task < tasks; ++task) {
    const RowRange range = task_rows(step, task);
    counts.push_back(range.end - range.begin);
  }
  epilogue_.begin_forward(step, counts, weights_.channel_scale());
  const bool moments = epilogue_.needs_moments();
  step.workers->run(tasks, [&](int worker, int64_t task) {
    std::vector<float>& scratch = scratch_[static_cast<size_t>(worker)].windows;
    const RowRange range = task_rows(step, task);
    const Part part{.task = task, .partial = task};
    for (int64_t first = range.begin; first < range.end; first += block_rows_) {
      const RowsView block = view(std::min(block_rows_, range.end - first), outputs_);
      float* to = z + first * outputs_;
      for (int64_t g = 0; g < o_.groups; ++g) {
        const Rows x = window_rows(g, first, block.rows, scratch);
        const PackedMatrix& packed = packed_[static_cast<size_t>(g)];
        packed.multiply(x.data, x.stride, block.rows, 0, packed.panels(), to + g * group_outputs_,
                        outputs_);
      }
      if (!moments) {
        epilogue_.transform(part, block, to, o_.y->data + first * outputs_);
        continue;
      }
      if (first == range.begin) epilogue_.start_moments(part, block, to);
      epilogue_.add_moments(part, block, to);
    }
  });
  if (!moments) return;
  epilogue_.end_moments(0, outputs_);
  step.workers->run(tasks, [&](int, int64_t task) {
    const RowRange range = task_rows(step, task);
    epilogue_.transform({}, view(range.end - range.begin, outputs_), z + range.begin * outputs_,
                        o_.y->data + range.begin * outputs_);
  });
}

void MatrixBlock::copy_windows(const Step& step) {
  if (pointwise_) return;
  const int64_t tasks = row_tasks(step);
  step.workers->run(tasks, [&](int, int64_t task) {
    const RowRange range = task_rows(step, task);
    // Each but the last task would write slack into the rows of the next one.
    std::vector<float> rows(static_cast<size_t>((range.end - range.begin) * depth_ + kIm2ColSlack));
    im2col(group_shape(0), o_.x.data(), range.begin, range.end - range.begin, rows.data());
    std::copy_n(rows.data(), (range.end - range.begin) * depth_,
                windows_.data() + range.begin * depth_);
  });
}

void MatrixBlock::forward_by_columns(const Step& step, float* z) {
  copy_windows(step);
  epilogue_.begin_forward(step, {rows(step)}, weights_.channel_scale());
  const PackedMatrix& packed = packed_[0];
  const int64_t tasks = std::min(kPartials, packed.panels());
  step.workers->run(tasks, [&](int, int64_t task) {
    const RowRange panels = rows_of_task(packed.panels(), tasks, task);
    const int64_t first = packed.column(panels.begin);
    const RowsView all = view(rows(step), packed.column(panels.end) - first);
    const Part part{.task = task, .partial = 0, .first = first};
    std::vector<float> none;
    const Rows x = window_rows(0, 0, all.rows, none);
    packed.multiply(x.data, x.stride, all.rows, panels.begin, panels.end, z, outputs_);
    if (epilogue_.needs_moments()) {
      epilogue_.start_moments(part, all, z + first);
      epilogue_.add_moments(part, all, z + first);
      epilogue_.end_moments(first, all.channels);
    }
    epilogue_.transform(part, all, z + first, o_.y->data + first);
  });
}

}  // namespace smelt::train
