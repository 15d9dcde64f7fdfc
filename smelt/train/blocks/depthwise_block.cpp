#include "smelt/train/blocks/depthwise_block.h"

#include <algorithm>

namespace smelt::train {
namespace {

/// Values of z that a thread works on at a time: they stay in its second cache.
constexpr int64_t kGroupValues = 24 * 1024;

}  // namespace

DepthwiseBlock::DepthwiseBlock(std::string name, DepthwiseBlockOptions options)
    : Layer(std::move(name)),
      o_(std::move(options)),
      epilogue_(o_.epilogue, kPartials),
      weights_(o_.kernel,
               {.channels = o_.epilogue.channels,
                .positions = o_.window.cells(),
                .channel_step = 1,
                .position_step = o_.epilogue.channels},
               o_.weight_quant, o_.epilogue.norm),
      outputs_(o_.epilogue.channels),
      positions_(o_.window.positions()),
      x_size_(int64_t{o_.window.in_h} * o_.window.in_w * o_.channels),
      z_size_(positions_ * outputs_),
      group_(std::max<int64_t>(1, kGroupValues / z_size_)) {
  if (o_.leave_pending) o_.y->pending = &epilogue_.row_transform();
  if (has_own_z()) z_.resize(static_cast<size_t>(o_.max_samples * o_.images * z_size_));
  partial_gradients_.resize(kPartials);
  for (auto& partial : partial_gradients_) partial.resize(o_.kernel->data.size());
  for (int i = 0; i < o_.threads; ++i) {
    scratch_.push_back({.math = DepthwiseMath(o_.window, outputs_)});
  }
}

RowRange DepthwiseBlock::task_images(const Step& step, int64_t task) const {
  const RowRange samples = rows_of_task(step.samples, tasks(step), task);
  return {samples.begin * o_.images, samples.end * o_.images};
}

template <class Visit>
void DepthwiseBlock::for_each_group(const Step& step, int64_t task, Visit&& visit) const {
  const RowRange images = task_images(step, task);
  for (int64_t first = images.begin; first < images.end; first += group_) {
    visit(first, std::min(group_, images.end - first));
  }
}

const float* DepthwiseBlock::repeated(int64_t image, Scratch& scratch) const {
  const float* x = o_.x.data() + image * x_size_;
  if (o_.multiplier == 1) return x;
  scratch.x.resize(static_cast<size_t>(x_size_ * o_.multiplier));
  for (int64_t i = 0; i < x_size_; ++i) {
    std::fill_n(scratch.x.begin() + i * o_.multiplier, o_.multiplier, x[i]);
  }
  return scratch.x.data();
}

void DepthwiseBlock::forward(const Step& step) {
  weights_.prepare(*step.workers);
  std::vector<int64_t> counts;
  for (int64_t task = 0; task < tasks(step); ++task) {
    const RowRange images = task_images(step, task);
    counts.push_back((images.end - images.begin) * positions_);
  }
  epilogue_.begin_forward(step, counts, weights_.channel_scale());
  const bool moments = epilogue_.needs_moments();
  float* all = has_own_z() ? z_.data() : o_.y->data;
  step.workers->run(tasks(step), [&](int worker, int64_t task) {
    const Part part{.task = task, .partial = task};
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    bool started = false;
    for_each_group(step, task, [&](int64_t first, int64_t count) {
      float* z = all + first * z_size_;
      for (int64_t i = 0; i < count; ++i) {
        scratch.math.forward(repeated(first + i, scratch), pending(), weights_.data(),
                             z + i * z_size_);
      }
      if (moments) {
        if (!started) epilogue_.start_moments(part, view(1), z);
        started = true;
        epilogue_.add_moments(part, view(count), z);
      } else if (!o_.leave_pending) {
        epilogue_.transform(part, view(count), z, o_.y->data + first * z_size_);
      }
    });
  });
  if (!moments) return;
  epilogue_.end_moments(0, outputs_);
  if (o_.leave_pending) return;
  step.workers->run(tasks(step), [&](int, int64_t task) {
    const RowRange images = task_images(step, task);
    epilogue_.transform({}, view(images.end - images.begin), all + images.begin * z_size_,
                        o_.y->data + images.begin * z_size_);
  });
}

void DepthwiseBlock::operand_gradient(int64_t image, const float* dz, Scratch& scratch) const {
  if (!o_.x.needs_grad()) return;
  float* dx = o_.x.grad() + image * x_size_;
  if (o_.multiplier == 1) {
    scratch.math.operand_gradient(dz, weights_.data(), o_.x.accumulate, dx);
    return;
  }
  scratch.dx.resize(static_cast<size_t>(x_size_ * o_.multiplier));
  scratch.math.operand_gradient(dz, weights_.data(), false, scratch.dx.data());
  for (int64_t i = 0; i < x_size_; ++i) {
    float sum = o_.x.accumulate ? dx[i] : 0.0f;
    for (int64_t m = 0; m < o_.multiplier; ++m) sum += scratch.dx[i * o_.multiplier + m];
    dx[i] = sum;
  }
}

void DepthwiseBlock::backward(const Step& step) {
  epilogue_.begin_backward();
  step.workers->run(tasks(step), [&](int, int64_t task) {
    for_each_group(step, task, [&](int64_t first, int64_t count) {
      epilogue_.add_sums({.task = task, .partial = task}, view(count), z() + first * z_size_,
                         o_.y->grad + first * z_size_);
    });
  });
  epilogue_.end_sums(0, outputs_);
  epilogue_.end_backward();
  step.workers->run(tasks(step), [&](int worker, int64_t task) {
    std::vector<float>& partial = partial_gradients_[static_cast<size_t>(task)];
    std::fill(partial.begin(), partial.end(), 0.0f);
    Scratch& scratch = scratch_[static_cast<size_t>(worker)];
    scratch.dz.resize(static_cast<size_t>(group_ * z_size_));
    for_each_group(step, task, [&](int64_t first, int64_t count) {
      epilogue_.gradient({}, view(count), z() + first * z_size_, o_.y->grad + first * z_size_,
                         scratch.dz.data(), outputs_);
      for (int64_t i = 0; i < count; ++i) {
        const float* dz = scratch.dz.data() + i * z_size_;
        scratch.math.weight_gradient(repeated(first + i, scratch), pending(), dz, partial.data());
        operand_gradient(first + i, dz, scratch);
      }
    });
  });
  join_partial_gradients(step);
}

void DepthwiseBlock::join_partial_gradients(const Step& step) {
  if (o_.kernel->grad.empty()) return;
  std::vector<float>& sum = partial_gradients_[0];
  for (int64_t p = 1; p < tasks(step); ++p) {
    add_values(partial_gradients_[static_cast<size_t>(p)].data(), sum.data(), o_.kernel->size());
  }
  weights_.through(sum.data(), 0, outputs_);
  float* to = o_.kernel->grad.data();
  if (o_.shared_kernel) {
    add_values(sum.data(), to, o_.kernel->size());
  } else {
    std::copy(sum.begin(), sum.end(), to);
  }
}

}  // namespace smelt::train
