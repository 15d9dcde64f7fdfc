#include "smelt/train/blocks/depthwise_block.h"

#include <algorithm>

#include "smelt/train/blocks/depthwise_math.h"

namespace smelt::train {

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
      z_size_(positions_ * outputs_) {
  if (epilogue_.keeps_z()) z_.resize(static_cast<size_t>(o_.max_samples * o_.images * z_size_));
  partial_gradients_.resize(kPartials);
  for (auto& partial : partial_gradients_) partial.resize(o_.kernel->data.size());
  scratch_.resize(static_cast<size_t>(o_.threads));
}

RowRange DepthwiseBlock::task_images(const Step& step, int64_t task) const {
  const RowRange samples = rows_of_task(step.samples, tasks(step), task);
  return {samples.begin * o_.images, samples.end * o_.images};
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
  float* z = epilogue_.keeps_z() ? z_.data() : o_.y->data;
  step.workers->run(tasks(step), [&](int worker, int64_t task) {
    const RowRange images = task_images(step, task);
    const Part part{.task = task, .partial = task};
    for (int64_t i = images.begin; i < images.end; ++i) {
      float* to = z + i * z_size_;
      depthwise_forward(o_.window, outputs_, repeated(i, scratch_[static_cast<size_t>(worker)]),
                        weights_.data(), to);
      if (!epilogue_.needs_moments()) {
        epilogue_.transform(part, view(1), to, o_.y->data + i * z_size_);
        continue;
      }
      if (i == images.begin) epilogue_.start_moments(part, view(1), to);
      epilogue_.add_moments(part, view(1), to);
    }
  });
  if (!epilogue_.needs_moments()) return;
  epilogue_.end_moments(0, outputs_);
  step.workers->run(tasks(step), [&](int, int64_t task) {
    const RowRange images = task_images(step, task);
    epilogue_.transform({}, view(images.end - images.begin), z + images.begin * z_size_,
                        o_.y->data + images.begin * z_size_);
  });
}

void DepthwiseBlock::gradients_of_image(int64_t image, Scratch& scratch, float* dw) {
  scratch.dz.resize(static_cast<size_t>(z_size_));
  epilogue_.gradient({}, view(1), z() + image * z_size_, o_.y->grad + image * z_size_,
                     scratch.dz.data(), outputs_);
  float* dx = o_.x.needs_grad() ? o_.x.grad() + image * x_size_ : nullptr;
  if (dx != nullptr && !o_.x.accumulate) std::fill_n(dx, x_size_, 0.0f);
  const float* x = repeated(image, scratch);
  if (o_.multiplier == 1 || dx == nullptr) {
    depthwise_backward(o_.window, outputs_, x, weights_.data(), scratch.dz.data(), dx, dw);
    return;
  }
  scratch.dx.assign(static_cast<size_t>(x_size_ * o_.multiplier), 0.0f);
  depthwise_backward(o_.window, outputs_, x, weights_.data(), scratch.dz.data(), scratch.dx.data(),
                     dw);
  for (int64_t i = 0; i < x_size_; ++i) {
    for (int64_t m = 0; m < o_.multiplier; ++m) dx[i] += scratch.dx[i * o_.multiplier + m];
  }
}

void DepthwiseBlock::backward(const Step& step) {
  epilogue_.begin_backward();
  step.workers->run(tasks(step), [&](int, int64_t task) {
    const RowRange images = task_images(step, task);
    for (int64_t i = images.begin; i < images.end; ++i) {
      epilogue_.add_sums({.task = task, .partial = task}, view(1), z() + i * z_size_,
                         o_.y->grad + i * z_size_);
    }
  });
  epilogue_.end_sums(0, outputs_);
  epilogue_.end_backward();
  step.workers->run(tasks(step), [&](int worker, int64_t task) {
    const RowRange images = task_images(step, task);
    std::vector<float>& partial = partial_gradients_[static_cast<size_t>(task)];
    std::fill(partial.begin(), partial.end(), 0.0f);
    for (int64_t i = images.begin; i < images.end; ++i) {
      gradients_of_image(i, scratch_[static_cast<size_t>(worker)], partial.data());
    }
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
