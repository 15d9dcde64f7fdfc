#include <algorithm>
#include <cstring>

#include "smelt/train/blocks/matrix_block.h"

namespace smelt::train {
namespace {

/// Adds rows of windows, as im2col makes them, back to the images.
void add_windows(const Im2Col& shape, const float* rows, int64_t first, int64_t count, float* x) {
  const Window& w = shape.window;
  for (int64_t i = first; i < first + count; ++i, rows += shape.row_stride) {
    const int64_t image = i / w.positions();
    const int64_t position = i % w.positions();
    const int64_t y0 = position / w.out_w * w.stride_h + w.origin_h;
    const int64_t x0 = position % w.out_w * w.stride_w + w.origin_w;
    const CellRange ys = cells_inside(y0, w.dilation_h, w.filter_h, w.in_h);
    const CellRange xs = cells_inside(x0, w.dilation_w, w.filter_w, w.in_w);
    for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
      for (int64_t kx = xs.begin; kx < xs.end; ++kx) {
        const int64_t pixel =
            (image * w.in_h + y0 + ky * w.dilation_h) * w.in_w + x0 + kx * w.dilation_w;
        add_values(rows + (ky * w.filter_w + kx) * shape.row_channels,
                   x + pixel * shape.channels + shape.first_channel, shape.row_channels);
      }
    }
  }
}

}  // namespace

void MatrixBlock::backward(const Step& step) {
  epilogue_.begin_backward();
  if (by_rows_) {
    sums_by_rows(step);
    if (o_.x.needs_grad()) pack(step, true);
    gradients_by_rows(step);
    if (partial_kernels_) join_partial_gradients(step);
  } else {
    dz_by_columns(step);
    operand_by_columns(step);
  }
  epilogue_.end_backward();
  if (!partial_kernels_) weights_by_channels(step);
}

void MatrixBlock::sums_by_rows(const Step& step) {
  step.workers->run(row_tasks(step), [&](int, int64_t task) {
    const RowRange range = task_rows(step, task);
    for (int64_t first = range.begin; first < range.end; first += block_rows_) {
      epilogue_.add_sums({.task = task, .partial = task},
                         view(std::min(block_rows_, range.end - first), outputs_),
                         z() + first * outputs_, o_.y->grad + first * outputs_);
    }
  });
  epilogue_.end_sums(0, outputs_);
}

/// dx += dz * w for rows [first, first + count).
void MatrixBlock::operand_rows(int64_t first, int64_t count, const float* dz,
                               std::vector<float>& scratch) {
  float* dx = o_.x.grad();
  if (pointwise_ && !o_.x.accumulate) {
    packed_back_[0].multiply(dz, outputs_, count, 0, backward_panels_.count(), dx + first * depth_,
                             depth_);
    return;
  }
  scratch.resize(static_cast<size_t>(block_rows_ * depth_));
  for (int64_t g = 0; g < o_.groups; ++g) {
    packed_back_[static_cast<size_t>(g)].multiply(dz + g * group_outputs_, outputs_, count, 0,
                                                  backward_panels_.count(), scratch.data(), depth_);
    add_windows(group_shape(g), scratch.data(), first, count, dx);
  }
}

void MatrixBlock::weight_rows(int64_t first, int64_t count, const float* dz, Scratch& scratch,
                              bool add, float* to) {
  for (int64_t g = 0; g < o_.groups; ++g) {
    const Rows x = window_rows(g, first, count, scratch.windows);
    outer_products(count, {dz + g * group_outputs_, outputs_, group_outputs_},
                   {x.data, x.stride, depth_}, add, to + g * group_outputs_ * depth_, depth_);
  }
}

void MatrixBlock::gradients_by_rows(const Step& step) {
  const bool to_operand = o_.x.needs_grad();
  step.workers->run(row_tasks(step), [&](int worker, int64_t task) {
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    const RowRange range = task_rows(step, task);
    float* partial = nullptr;
    if (partial_kernels_) {
      partial = partial_gradients_[static_cast<size_t>(task)].data();
      scratch.dz.resize(static_cast<size_t>(block_rows_ * outputs_));
    }
    if (to_operand && !pointwise_ && !o_.x.accumulate) {
      const RowRange samples = rows_of_task(step.samples, row_tasks(step), task);
      std::fill(o_.x.grad() + samples.begin * o_.x.size(), o_.x.grad() + samples.end * o_.x.size(),
                0.0f);
    }
    for (int64_t first = range.begin; first < range.end; first += block_rows_) {
      const int64_t count = std::min(block_rows_, range.end - first);
      float* dy = o_.y->grad + first * outputs_;
      float* dz = partial != nullptr ? scratch.dz.data() : dy;
      epilogue_.gradient({}, view(count, outputs_), z() + first * outputs_, dy, dz, outputs_);
      if (to_operand) operand_rows(first, count, dz, scratch.dx);
      if (partial != nullptr && wants_weight_gradient()) {
        weight_rows(first, count, dz, scratch, first > range.begin, partial);
      }
    }
  });
}

void MatrixBlock::join_partial_gradients(const Step& step) {
  if (!wants_weight_gradient()) return;
  const int64_t partials = row_tasks(step);
  step.workers->run(kPartials, [&](int, int64_t task) {
    const RowRange channels = rows_of_task(outputs_, kPartials, task);
    const int64_t begin = channels.begin * depth_;
    const int64_t count = (channels.end - channels.begin) * depth_;
    float* to = weight_gradient() + begin;
    std::copy_n(partial_gradients_[0].data() + begin, count, to);
    for (int64_t p = 1; p < partials; ++p) {
      add_values(partial_gradients_[static_cast<size_t>(p)].data() + begin, to, count);
    }
    finish_weight_gradient(channels.begin, channels.end);
  });
}

void MatrixBlock::finish_weight_gradient(int64_t first, int64_t last) {
  weights_.through(weight_gradient(), first, last);
  if (!o_.shared_kernel) return;
  add_values(gradient_.data() + first * depth_, o_.kernel->grad.data() + first * depth_,
             (last - first) * depth_);
}

/// dz takes the place of dy.
void MatrixBlock::dz_by_columns(const Step& step) {
  const int64_t tasks = std::min(kPartials, forward_panels_.count());
  step.workers->run(tasks, [&](int, int64_t task) {
    const RowRange panels = rows_of_task(forward_panels_.count(), tasks, task);
    const int64_t first = forward_panels_.column(panels.begin);
    const RowsView all = view(rows(step), forward_panels_.column(panels.end) - first);
    const Part part{.task = task, .partial = 0, .first = first};
    float* dy = o_.y->grad + first;
    epilogue_.add_sums(part, all, z() + first, dy);
    epilogue_.end_sums(first, all.channels);
    epilogue_.gradient(part, all, z() + first, dy, dy, outputs_);
  });
}

void MatrixBlock::operand_by_columns(const Step& step) {
  if (!o_.x.needs_grad()) return;
  const int64_t tasks = std::min(kPartials, backward_panels_.count());
  const bool direct = pointwise_ && !o_.x.accumulate;
  float* to = direct ? o_.x.grad() : dwindows_.data();
  step.workers->run(tasks, [&](int worker, int64_t task) {
    AlignedArray<float>& panel = scratch_[static_cast<size_t>(worker)].panel;
    const RowRange panels = rows_of_task(backward_panels_.count(), tasks, task);
    for (int64_t p = panels.begin; p < panels.end; ++p) {
      backward_panels_.pack_columns(weights_.data(), p, panel.data());
      backward_panels_.multiply(panel.data(), p, p + 1, o_.y->grad, outputs_, rows(step), to,
                                depth_);
    }
  });
  if (direct) return;
  step.workers->run(row_tasks(step), [&](int, int64_t task) {
    const RowRange samples = rows_of_task(step.samples, row_tasks(step), task);
    const RowRange range = task_rows(step, task);
    if (!o_.x.accumulate) {
      std::fill(o_.x.grad() + samples.begin * o_.x.size(), o_.x.grad() + samples.end * o_.x.size(),
                0.0f);
    }
    add_windows(group_shape(0), dwindows_.data() + range.begin * depth_, range.begin,
                range.end - range.begin, o_.x.grad());
  });
}

/// From dz in place of dy: each task has some output channels and all rows.
void MatrixBlock::weights_by_channels(const Step& step) {
  if (!wants_weight_gradient()) return;
  const int64_t tasks = std::min(kPartials, outputs_);
  step.workers->run(tasks, [&](int worker, int64_t task) {
    const RowRange channels = rows_of_task(outputs_, tasks, task);
    float* to = weight_gradient();
    for (int64_t first = 0; first < rows(step); first += block_rows_) {
      const int64_t count = std::min(block_rows_, rows(step) - first);
      const float* dz = o_.y->grad + first * outputs_;
      for (int64_t g = channels.begin / group_outputs_; g * group_outputs_ < channels.end; ++g) {
        const int64_t begin = std::max(channels.begin, g * group_outputs_);
        const int64_t end = std::min(channels.end, (g + 1) * group_outputs_);
        const Rows x = window_rows(g, first, count, scratch_[static_cast<size_t>(worker)].windows);
        outer_products(count, {dz + begin, outputs_, end - begin}, {x.data, x.stride, depth_},
                       first > 0, to + begin * depth_, depth_);
      }
    }
    finish_weight_gradient(channels.begin, channels.end);
  });
}

}  // namespace smelt::train
