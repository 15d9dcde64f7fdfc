#include "smelt/quantize/clip.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "smelt/quantize/divergence.h"

namespace smelt {
namespace {

constexpr int kSteps = 64;      // tried ranges are whole * k / kSteps
constexpr int kLeastSteps = 8;  // and never narrower than this many
constexpr double kNewSample = 0.05;

struct Weighed {
  const Histogram* tensor;
  double variance;
};

double relative_error(std::span<const Weighed> tensors, double low, double high, int levels) {
  double sum = 0;
  for (const auto& [tensor, variance] : tensors) {
    sum += tensor->clamp_error(low, high, (high - low) / (levels - 1)) / variance;
  }
  return sum;
}

/// The part k / kSteps of `whole`, k from `least_steps`, whose cost(low, high) is least.
template <class Cost>
Range cheapest_part(const Range& whole, int least_steps, Cost&& cost) {
  Range best = whole;
  double least = cost(whole.min, whole.max);
  for (int k = kSteps - 1; k >= least_steps; --k) {
    const double part = static_cast<double>(k) / kSteps;
    const double value = cost(whole.min * part, whole.max * part);
    if (value >= least) continue;
    least = value;
    best = {static_cast<float>(whole.min * part), static_cast<float>(whole.max * part)};
  }
  return best;
}

/// The hull of range_of(tensor) within `whole`; `whole` where a tensor has none.
template <class RangeOfTensor>
Range hull_within(std::span<const TensorStats* const> tensors, const Range& whole,
                  RangeOfTensor&& range_of) {
  std::optional<Range> hull;
  for (const TensorStats* tensor : tensors) {
    const std::optional<Range> range = range_of(*tensor);
    if (!range) return whole;
    hull = hull ? Range{std::min(hull->min, range->min), std::max(hull->max, range->max)} : *range;
  }
  if (!hull) return whole;
  return {std::clamp(hull->min, whole.min, whole.max), std::clamp(hull->max, whole.min, whole.max)};
}

std::optional<Range> averaged_range(const TensorStats& tensor) {
  if (tensor.by_sample.empty()) return std::nullopt;
  double low = tensor.by_sample.front().min;
  double high = tensor.by_sample.front().max;
  for (const Range& sample : tensor.by_sample) {
    low += kNewSample * (sample.min - low);
    high += kNewSample * (sample.max - high);
  }
  return Range{static_cast<float>(low), static_cast<float>(high)};
}

std::optional<Range> percentile_range(const TensorStats& tensor, double percentile) {
  if (tensor.histogram.count() == 0) return std::nullopt;
  const double beyond = std::clamp((100 - percentile) / 200, 0.0, 0.5);
  const auto at = [&](double share) {
    return static_cast<float>(tensor.histogram.quantile(share));
  };
  return Range{beyond > 0 ? at(beyond) : tensor.min, beyond > 0 ? at(1 - beyond) : tensor.max};
}

}  // namespace

Range least_error_range(std::span<const Histogram* const> tensors, const Range& whole, int levels) {
  std::vector<Weighed> weighed;
  for (const Histogram* tensor : tensors) {
    const double variance = tensor->variance();
    if (variance > 0) weighed.push_back({tensor, variance});
  }
  return cheapest_part(whole, kLeastSteps, [&](double low, double high) {
    return relative_error(weighed, low, high, levels);
  });
}

Range least_divergence_range(std::span<const Histogram* const> tensors, const Range& whole,
                             int levels) {
  double width = 0;
  for (const Histogram* tensor : tensors) width = std::max(width, tensor->bin_width());
  const double reach = static_cast<double>(whole.max) - whole.min;
  if (!(reach > levels * width)) return whole;
  const int least = std::max(kLeastSteps, static_cast<int>(levels * width / reach * kSteps) + 1);
  return cheapest_part(whole, least, [&](double low, double high) {
    double sum = 0;
    for (const Histogram* tensor : tensors) sum += clip_divergence(*tensor, low, high, levels);
    return sum;
  });
}

Range clipped_range(const OpConfig& how, std::span<const TensorStats* const> tensors,
                    const Range& whole, int levels) {
  const Range with_zero{std::min(whole.min, 0.0f), std::max(whole.max, 0.0f)};
  std::vector<const Histogram*> histograms;
  for (const TensorStats* tensor : tensors) histograms.push_back(&tensor->histogram);
  switch (how.ranges) {
    case RangeMethod::minmax:
      return whole;
    case RangeMethod::mse:
      return least_error_range(histograms, with_zero, levels);
    case RangeMethod::moving_average:
      return hull_within(tensors, whole, averaged_range);
    case RangeMethod::percentile:
      return hull_within(tensors, whole, [&](const TensorStats& tensor) {
        return percentile_range(tensor, how.percentile);
      });
    case RangeMethod::entropy:
      return least_divergence_range(histograms, with_zero, levels);
  }
  return whole;
}

}  // namespace smelt
