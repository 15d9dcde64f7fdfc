#include "smelt/quantize/clip.h"

#include <vector>

namespace smelt {
namespace {

constexpr int kSteps = 64;      // tried ranges are whole * k / kSteps
constexpr int kLeastSteps = 8;  // and never narrower than this many

struct Weighed {
  const Histogram* tensor;
  double variance;
};

double relative_error(std::span<const Weighed> tensors, double low, double high) {
  double sum = 0;
  for (const auto& [tensor, variance] : tensors) {
    sum += tensor->clamp_error(low, high, (high - low) / 255) / variance;
  }
  return sum;
}

}  // namespace

Range least_error_range(std::span<const Histogram* const> tensors, const Range& whole) {
  std::vector<Weighed> weighed;
  for (const Histogram* tensor : tensors) {
    const double variance = tensor->variance();
    if (variance > 0) weighed.push_back({tensor, variance});
  }
  Range best = whole;
  double least = relative_error(weighed, whole.min, whole.max);
  for (int k = kSteps - 1; k >= kLeastSteps; --k) {
    const double part = static_cast<double>(k) / kSteps;
    const double error = relative_error(weighed, whole.min * part, whole.max * part);
    if (error >= least) continue;
    least = error;
    best = {static_cast<float>(whole.min * part), static_cast<float>(whole.max * part)};
  }
  return best;
}

}  // namespace smelt
