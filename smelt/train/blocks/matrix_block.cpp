#include "smelt/train/blocks/matrix_block.h"

#include <algorithm>

namespace smelt::train {
namespace {

/// Values of windows and z that a thread works on at a time: they stay in its second cache.
constexpr int64_t kBlockValues = 24 * 1024;
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
      rows_per_sample_(o_.shape.batch * o_.shape.window.positions()),
      forward_panels_(group_outputs_, depth_),
      backward_panels_(depth_, group_outputs_) {
  if (o_.leave_pending) o_.y->pending = &epilogue_.row_transform();
  const int64_t most_rows = rows_per_sample_ * o_.max_samples;
  pointwise_ = o_.groups == 1 && o_.shape.pointwise();
  by_rows_ = most_rows >= kManyRows || o_.groups > 1;
  partial_kernels_ = by_rows_ && o_.kernel->size() <= kSmallKernel;
  block_rows_ = std::clamp<int64_t>(kBlockValues / (depth_ + outputs_) / 6 * 6, 12, 384);
  for (int64_t g = 0; by_rows_ && g < o_.groups; ++g) {
    packed_.emplace_back(group_outputs_, depth_);
    packed_back_.emplace_back(depth_, group_outputs_);
  }
  if (has_own_z()) z_.resize(static_cast<size_t>(most_rows * outputs_));
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
  if (by_rows_) return;
  const int64_t panel = std::max(forward_panels_.panel_size(), backward_panels_.panel_size());
  for (Scratch& scratch : scratch_) scratch.panel = AlignedArray<float>(panel);
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
  if (pointwise_ && pending() != nullptr) {
    scratch.resize(static_cast<size_t>(block_rows_ * depth_));
    transform_rows({count, depth_, depth_}, *pending(), o_.x.data() + first * depth_,
                   scratch.data(), depth_);
    return {scratch.data(), depth_};
  }
  if (pointwise_) return {o_.x.data() + first * depth_, depth_};
  if (!by_rows_) return {windows_.data() + first * depth_, depth_};
  scratch.resize(static_cast<size_t>(block_rows_ * depth_ + kIm2ColSlack));
  im2col(group_shape(group), o_.x.data(), first, count, scratch.data());
  return {scratch.data(), depth_};
}

/// All panels, where every task needs them.
void MatrixBlock::pack(const Step& step, bool backward) {
  const int64_t panels = (backward ? backward_panels_ : forward_panels_).count();
  step.workers->run(o_.groups * panels, [&](int, int64_t task) {
    const int64_t group = task / panels;
    const int64_t panel = task % panels;
    const float* w = weights_.data() + group * group_outputs_ * depth_;
    if (backward) {
      packed_back_[static_cast<size_t>(group)].pack_columns(w, panel, panel + 1);
    } else {
      packed_[static_cast<size_t>(group)].pack_rows(w, panel, panel + 1);
    }
  });
}

void MatrixBlock::forward(const Step& step) {
  weights_.prepare(*step.workers);
  float* z = has_own_z() ? z_.data() : o_.y->data;
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
  pack(step, false);
  step.workers->run(tasks, [&](int worker, int64_t task) {
    std::vector<float>& scratch = scratch_[static_cast<size_t>(worker)].windows;
    const RowRange range = task_rows(step, task);
    const Part part{.task = task, .partial = task};
    for (int64_t first = range.begin; first < range.end; first += block_rows_) {
      const RowsView block = view(std::min(block_rows_, range.end - first), outputs_);
      float* to = z + first * outputs_;
      for (int64_t g = 0; g < o_.groups; ++g) {
        const Rows x = window_rows(g, first, block.rows, scratch);
        packed_[static_cast<size_t>(g)].multiply(x.data, x.stride, block.rows, 0,
                                                 forward_panels_.count(), to + g * group_outputs_,
                                                 outputs_);
      }
      if (!moments) {
        if (o_.leave_pending) continue;
        epilogue_.transform(part, block, to, o_.y->data + first * outputs_);
        continue;
      }
      if (first == range.begin) epilogue_.start_moments(part, block, to);
      epilogue_.add_moments(part, block, to);
    }
  });
  if (!moments) return;
  epilogue_.end_moments(0, outputs_);
  if (o_.leave_pending) return;
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
  const int64_t tasks = std::min(kPartials, forward_panels_.count());
  step.workers->run(tasks, [&](int worker, int64_t task) {
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    const RowRange panels = rows_of_task(forward_panels_.count(), tasks, task);
    const int64_t first = forward_panels_.column(panels.begin);
    const RowsView all = view(rows(step), forward_panels_.column(panels.end) - first);
    const Part part{.task = task, .partial = 0, .first = first};
    const Rows x = window_rows(0, 0, all.rows, scratch.windows);
    for (int64_t p = panels.begin; p < panels.end; ++p) {
      forward_panels_.pack_rows(weights_.data(), p, scratch.panel.data());
      forward_panels_.multiply(scratch.panel.data(), p, p + 1, x.data, x.stride, all.rows, z,
                               outputs_);
    }
    if (epilogue_.needs_moments()) {
      epilogue_.start_moments(part, all, z + first);
      epilogue_.add_moments(part, all, z + first);
      epilogue_.end_moments(first, all.channels);
    }
    if (!o_.leave_pending) epilogue_.transform(part, all, z + first, o_.y->data + first);
  });
}

}  // namespace smelt::train
