#include "smelt/quantize/divergence.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace smelt {
namespace {

constexpr double kSmoothing = 1e-4;

/// Bins of [low, high] by their centres: [first, last).
struct Window {
  size_t first;
  size_t last;
};

Window window_of(const Histogram& histogram, double low, double high) {
  const double width = histogram.bin_width();
  const auto bin = [&](double edge) {
    const double at = std::round(edge / width) + Histogram::kSide;
    return static_cast<size_t>(std::clamp(at, 0.0, 2.0 * Histogram::kSide));
  };
  const size_t first = std::min<size_t>(bin(low), 2 * Histogram::kSide - 1);
  return {first, std::max(bin(high), first + 1)};
}

/// Each bin that holds values gets the average of those in its step.
std::vector<double> in_steps(std::span<const int64_t> bins, int levels) {
  const size_t n = bins.size();
  const size_t steps = std::min(static_cast<size_t>(levels), n);
  std::vector<double> result(n, 0.0);
  for (size_t step = 0; step < steps; ++step) {
    const size_t begin = step * n / steps;
    const size_t end = (step + 1) * n / steps;
    double sum = 0;
    double held = 0;
    for (size_t i = begin; i < end; ++i) {
      sum += static_cast<double>(bins[i]);
      held += bins[i] > 0;
    }
    for (size_t i = begin; i < end; ++i) {
      if (bins[i] > 0) result[i] = sum / held;
    }
  }
  return result;
}

double sum_of(std::span<const int64_t> values) {
  return static_cast<double>(std::accumulate(values.begin(), values.end(), int64_t{0}));
}

}  // namespace

double clip_divergence(const Histogram& histogram, double low, double high, int levels) {
  const std::span<const int64_t> bins = histogram.bins();
  if (bins.empty()) return 0;
  const auto [first, last] = window_of(histogram, low, high);
  const std::span<const int64_t> inside = bins.subspan(first, last - first);
  std::vector<double> p(inside.begin(), inside.end());
  p.front() += sum_of(bins.first(first));
  p.back() += sum_of(bins.subspan(last));
  std::vector<double> q = in_steps(inside, levels);
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] > 0 && q[i] == 0) q[i] = kSmoothing;
  }
  const double all_p = std::accumulate(p.begin(), p.end(), 0.0);
  const double all_q = std::accumulate(q.begin(), q.end(), 0.0);
  double divergence = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] > 0) divergence += p[i] / all_p * std::log(p[i] / all_p / (q[i] / all_q));
  }
  return divergence;
}

}  // namespace smelt
