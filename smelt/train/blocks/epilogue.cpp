#include "smelt/train/blocks/epilogue.h"

#include <algorithm>
#include <cmath>

namespace smelt::train {
namespace {

float at(const Parameter* parameter, size_t c, float otherwise) {
  return parameter != nullptr ? parameter->data[c] : otherwise;
}

void add_gradient(Parameter* parameter, size_t c, double gradient) {
  if (parameter == nullptr || parameter->grad.empty()) return;
  parameter->grad[c] += static_cast<float>(gradient);
}

}  // namespace

Epilogue::Epilogue(EpilogueOptions options, int64_t max_tasks)
    : options_(std::move(options)),
      partials_(static_cast<size_t>(max_tasks)),
      clipped_(partials_.size()) {
  const auto channels = static_cast<size_t>(options_.channels);
  for (auto* values : {&factor_, &offset_, &mean_, &inverse_, &scale_, &by_du_, &by_z_, &constant_})
    values->assign(channels, 0.0f);
  for (Partial& p : partials_) {
    p.shift.assign(channels, 0.0f);
    p.sum1.assign(channels, 0.0f);
    p.sum2.assign(channels, 0.0f);
  }
  transform_.low = options_.low;
  transform_.high = options_.high;
  if (options_.norm) transform_.factor = factor_.data();
  if (options_.norm || options_.bias != nullptr) transform_.offset = offset_.data();
}

void Epilogue::use_running_statistics(size_t c) {
  const BatchNorm& norm = *options_.norm;
  inverse_[c] = 1.0f / std::sqrt(norm.variance->data[c] + norm.epsilon) / scale_[c];
  mean_[c] = (norm.mean->data[c] - at(options_.bias, c, 0)) * scale_[c];
  factor_[c] = at(norm.gamma, c, 1) * inverse_[c];
  offset_[c] = at(norm.beta, c, 0) - mean_[c] * factor_[c];
}

void Epilogue::begin_forward(const Step& step, const std::vector<int64_t>& rows,
                             const float* weight_scale) {
  batch_ = options_.norm && step.training &&
           !(options_.norm->frozen != nullptr && *options_.norm->frozen);
  for (size_t i = 0; i < partials_.size(); ++i) {
    Partial& p = partials_[i];
    p.rows = i < rows.size() ? rows[i] : 0;
    std::fill(p.sum1.begin(), p.sum1.end(), 0.0f);
    std::fill(p.sum2.begin(), p.sum2.end(), 0.0f);
  }
  if (options_.quant != nullptr) {
    transform_.step = options_.quant->scale;
    transform_.quant_low = options_.quant->real_low();
    transform_.quant_high = options_.quant->real_high();
  }
  for (size_t c = 0; c < factor_.size(); ++c) {
    scale_[c] = weight_scale != nullptr ? weight_scale[c] : 1.0f;
    if (!options_.norm) {
      offset_[c] = at(options_.bias, c, 0);
    } else if (!batch_) {
      use_running_statistics(c);
    }
  }
}

void Epilogue::start_moments(const Part& part, const RowsView& view, const float* z) {
  Partial& p = partials_[static_cast<size_t>(part.partial)];
  std::copy_n(z, view.channels, p.shift.begin() + part.first);
}

void Epilogue::add_moments(const Part& part, const RowsView& view, const float* z) {
  Partial& p = partials_[static_cast<size_t>(part.partial)];
  train::add_moments(view, z, p.shift.data() + part.first, p.sum1.data() + part.first,
                     p.sum2.data() + part.first);
}

/// Means and squared deviations of the parts, joined as by Chan, Golub and LeVeque (1979); running
/// statistics as Keras 3 keeps them (the variance of the batch is not corrected for its size).
void Epilogue::join_moments(size_t c) {
  const BatchNorm& norm = *options_.norm;
  double mean = 0, deviation = 0, seen = 0;
  for (const Partial& p : partials_) {
    if (p.rows == 0) continue;
    const auto n = static_cast<double>(p.rows);
    const double part = p.sum1[c] / n;
    const double delta = p.shift[c] + part - mean;
    deviation += p.sum2[c] - part * p.sum1[c] + delta * delta * seen * n / (seen + n);
    seen += n;
    mean += delta * n / seen;
  }
  const double variance = std::max(deviation / seen, 0.0);
  const double s = scale_[c];
  inverse_[c] = static_cast<float>(1.0 / std::sqrt(variance + norm.epsilon * s * s));
  mean_[c] = static_cast<float>(mean);
  factor_[c] = at(norm.gamma, c, 1) * inverse_[c];
  offset_[c] = at(norm.beta, c, 0) - mean_[c] * factor_[c];
  const double real_mean = mean / s + at(options_.bias, c, 0);
  float& running_mean = norm.mean->data[c];
  float& running_variance = norm.variance->data[c];
  running_mean += (1 - norm.momentum) * static_cast<float>(real_mean - running_mean);
  running_variance +=
      (1 - norm.momentum) * static_cast<float>(variance / (s * s) - running_variance);
}

void Epilogue::end_moments(int64_t first, int64_t count) {
  for (int64_t c = first; c < first + count; ++c) join_moments(static_cast<size_t>(c));
}

void Epilogue::transform(const Part& part, const RowsView& view, const float* z, float* y) const {
  transform_rows(view, transform_.from(part.first), z, y, view.stride);
}

void Epilogue::begin_backward() {
  backward_ = transform_;
  if (!keeps_z()) backward_.offset = nullptr;  // the bias is in y already
  for (Partial& p : partials_) {
    std::fill(p.sum1.begin(), p.sum1.end(), 0.0f);
    std::fill(p.sum2.begin(), p.sum2.end(), 0.0f);
  }
  std::fill(clipped_.begin(), clipped_.end(), Clipped{});
}

void Epilogue::add_sums(const Part& part, const RowsView& view, const float* z, const float* dy) {
  Partial& p = partials_[static_cast<size_t>(part.partial)];
  GradientSums sums{.shift = mean_.data() + part.first,
                    .du = p.sum1.data() + part.first,
                    .du_z = options_.norm ? p.sum2.data() + part.first : nullptr};
  add_gradient_sums(view, backward_.from(part.first), z, dy, sums);
  Clipped& clipped = clipped_[static_cast<size_t>(part.task)];
  clipped.low += sums.clipped_low;
  clipped.high += sums.clipped_high;
}

/// Ioffe and Szegedy (2015), section 3; with running statistics only the factor remains.
void Epilogue::end_sums(int64_t first, int64_t count) {
  double rows = 0;
  for (const Partial& p : partials_) rows += static_cast<double>(p.rows);
  for (auto c = static_cast<size_t>(first); c < static_cast<size_t>(first + count); ++c) {
    double du = 0, du_z = 0;
    for (const Partial& p : partials_) {
      du += p.sum1[c];
      du_z += p.sum2[c];
    }
    if (!options_.norm) {
      add_gradient(options_.bias, c, du);
      continue;
    }
    add_gradient(options_.norm->beta, c, du);
    add_gradient(options_.norm->gamma, c, du_z * inverse_[c]);
    const double factor = factor_[c];
    by_du_[c] = factor_[c];
    if (batch_) {
      const double by_z = -factor * inverse_[c] * inverse_[c] * du_z / rows;
      by_z_[c] = static_cast<float>(by_z);
      constant_[c] = static_cast<float>(-factor * du / rows - by_z * mean_[c]);
    } else {
      add_gradient(options_.bias, c, du * factor * scale_[c]);
    }
  }
}

void Epilogue::gradient(const Part& part, const RowsView& view, const float* z, const float* dy,
                        float* dz, int64_t dz_stride) const {
  GradientFactors factors;
  if (options_.norm) {
    factors.by_du = by_du_.data() + part.first;
    if (batch_) {
      factors.by_z = by_z_.data() + part.first;
      factors.constant = constant_.data() + part.first;
    }
  }
  gradient_rows(view, backward_.from(part.first), factors, z, dy, dz, dz_stride);
}

void Epilogue::end_backward() {
  if (options_.quant == nullptr || options_.quant->range == nullptr) return;
  Parameter& range = *options_.quant->range;
  if (range.grad.empty()) return;
  for (const Clipped& clipped : clipped_) {
    range.grad[0] += clipped.low;
    range.grad[1] += clipped.high;
  }
}

}  // namespace smelt::train
