#include "smelt/train/blocks/weights.h"

#include <algorithm>
#include <cmath>

namespace smelt::train {
namespace {

/// Adding and taking away 1.5 * 2^23 rounds a float below 2^22 to the nearest whole number, ties to
/// even; the compiler vectorizes this where it does not vectorize std::nearbyint.
constexpr float kRound = 12582912.0f;

}  // namespace

BlockWeights::BlockWeights(Parameter* kernel, const KernelLayout& layout, const WeightQuant* quant,
                           const std::optional<BatchNorm>& norm)
    : kernel_(kernel), layout_(layout), quant_(quant), norm_(norm) {
  if (quant_ == nullptr) return;
  rounded_.resize(kernel->data.size());
  largest_.resize(static_cast<size_t>(layout.channels));
  if (norm_) fold_.resize(static_cast<size_t>(layout.channels));
}

void BlockWeights::fold_and_measure(int64_t channel) {
  const auto c = static_cast<size_t>(channel);
  const float* w = kernel_->data.data() + channel * layout_.channel_step;
  float largest = 0;
  for (int64_t k = 0; k < layout_.positions; ++k) {
    largest = std::max(largest, std::fabs(w[k * layout_.position_step]));
  }
  if (norm_) {
    const float gamma = norm_->gamma != nullptr ? norm_->gamma->data[c] : 1.0f;
    const float scale = gamma / std::sqrt(norm_->variance->data[c] + norm_->epsilon);
    // A channel that is switched off (gamma 0) is rounded as it is: it would be lost for training.
    fold_[c] = std::fabs(scale) > 1e-12f ? scale : 1.0f;
    largest *= std::fabs(fold_[c]);
  }
  largest_[c] = largest;
}

void BlockWeights::round_channel(int64_t channel, float step) {
  const auto c = static_cast<size_t>(channel);
  const float* w = kernel_->data.data() + channel * layout_.channel_step;
  float* to = rounded_.data() + channel * layout_.channel_step;
  const float per_step = step > 0 ? (norm_ ? fold_[c] : 1.0f) / step : 0.0f;
  const auto limit = static_cast<float>(quant_->largest);
  const int64_t stride = layout_.position_step;
  for (int64_t k = 0; k < layout_.positions; ++k) {
    const float q = (w[k * stride] * per_step + kRound) - kRound;
    to[k * stride] = std::clamp(q, -limit, limit) * step;
  }
}

void BlockWeights::prepare(Workers& workers) {
  if (quant_ == nullptr) return;
  const auto steps = static_cast<float>(quant_->largest);
  float common = 0;
  if (!quant_->per_channel) {
    for (int64_t c = 0; c < layout_.channels; ++c) fold_and_measure(c);
    common = *std::max_element(largest_.begin(), largest_.end()) / steps;
  }
  workers.run(kPartials, [&](int, int64_t task) {
    const RowRange range = rows_of_task(layout_.channels, kPartials, task);
    for (int64_t c = range.begin; c < range.end; ++c) {
      if (quant_->per_channel) fold_and_measure(c);
      round_channel(c, quant_->per_channel ? largest_[static_cast<size_t>(c)] / steps : common);
    }
  });
}

void BlockWeights::through(float* gradient, int64_t first, int64_t last) const {
  if (fold_.empty()) return;
  for (int64_t c = first; c < last; ++c) {
    float* values = gradient + c * layout_.channel_step;
    for (int64_t k = 0; k < layout_.positions; ++k) {
      values[k * layout_.position_step] *= fold_[static_cast<size_t>(c)];
    }
  }
}

}  // namespace smelt::train
