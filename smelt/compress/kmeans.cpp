#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "smelt/base/error.h"
#include "smelt/compress/clustering.h"

namespace smelt::compress {
namespace {

/// Centroids in growing order, each value once with the first of its positions; no NaN.
struct Sorted {
  std::vector<float> values;
  std::vector<uint16_t> positions;
  std::vector<float> radius;  ///< by position: closer weights are nearest to this one for sure

  explicit Sorted(std::span<const float> centroids) : radius(centroids.size(), 0.0f) {
    std::vector<uint16_t> order(centroids.size());
    std::iota(order.begin(), order.end(), uint16_t{0});
    std::erase_if(order, [&](uint16_t i) { return std::isnan(centroids[i]); });
    std::stable_sort(order.begin(), order.end(),
                     [&](uint16_t a, uint16_t b) { return centroids[a] < centroids[b]; });
    for (const uint16_t i : order) {
      if (!values.empty() && values.back() == centroids[i]) continue;
      values.push_back(centroids[i]);
      positions.push_back(i);
    }
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (size_t k = 0; k < values.size(); ++k) {
      const float below = k > 0 ? values[k] - values[k - 1] : kInfinity;
      const float above = k + 1 < values.size() ? values[k + 1] - values[k] : kInfinity;
      // A little less than half of the gap, for the rounding of differences.
      radius[positions[k]] = 0.499f * std::min(below, above);
    }
  }

  uint16_t nearest(float weight) const {
    if (values.empty()) return 0;
    const auto above = std::upper_bound(values.begin(), values.end(), weight);
    const auto k = static_cast<size_t>(above - values.begin());
    if (k == 0) return positions[0];
    if (k == values.size()) return positions[k - 1];
    const float to_below = std::fabs(weight - values[k - 1]);
    const float to_above = std::fabs(weight - values[k]);
    if (to_below == to_above) return std::min(positions[k - 1], positions[k]);
    return to_below < to_above ? positions[k - 1] : positions[k];
  }
};

}  // namespace

void assign_clusters(std::span<const float> weights, std::span<const float> centroids,
                     std::span<uint16_t> clusters) {
  SMELT_CHECK(weights.size() == clusters.size() && centroids.size() <= kMaxClusters);
  const Sorted sorted(centroids);
  for (size_t i = 0; i < weights.size(); ++i) {
    const uint16_t before = clusters[i];
    if (before < centroids.size() &&
        std::fabs(weights[i] - centroids[before]) < sorted.radius[before]) {
      continue;
    }
    clusters[i] = sorted.nearest(weights[i]);
  }
}

double refine_centroids(std::span<const float> weights, int steps, std::vector<float>& centroids) {
  std::vector<uint16_t> clusters(weights.size());
  std::vector<double> sums(centroids.size());
  std::vector<int64_t> counts(centroids.size());
  for (int step = 0; step < steps; ++step) {
    assign_clusters(weights, centroids, clusters);
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(counts.begin(), counts.end(), 0);
    for (size_t i = 0; i < weights.size(); ++i) {
      sums[clusters[i]] += weights[i];
      ++counts[clusters[i]];
    }
    bool changed = false;
    for (size_t k = 0; k < centroids.size(); ++k) {
      if (counts[k] == 0) continue;
      const auto mean = static_cast<float>(sums[k] / static_cast<double>(counts[k]));
      changed |= mean != centroids[k];
      centroids[k] = mean;
    }
    if (!changed) break;
  }
  assign_clusters(weights, centroids, clusters);
  double error = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double distance = static_cast<double>(weights[i]) - centroids[clusters[i]];
    error += distance * distance;
  }
  return error;
}

}  // namespace smelt::compress
