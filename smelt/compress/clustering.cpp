#include "smelt/compress/clustering.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "smelt/base/error.h"
#include "smelt/base/random.h"

namespace smelt::compress {
namespace {

constexpr std::array<std::pair<std::string_view, CentroidInit>, 6> kNames = {{
    {"linear", CentroidInit::linear},
    {"kmeans++", CentroidInit::kmeans_plus_plus},
    {"density_based", CentroidInit::density_based},
    {"random", CentroidInit::random},
    {"kmeans_plus_plus", CentroidInit::kmeans_plus_plus},
    {"density", CentroidInit::density_based},
}};

/// Sorted weights of the interval that gets `count` centroids.
struct Interval {
  std::span<const float> weights;
  int count = 0;
};

std::vector<float> linear(const Interval& interval) {
  const double low = interval.weights.front(), high = interval.weights.back();
  std::vector<float> centroids;
  for (int i = 0; i < interval.count; ++i) {
    const double part = interval.count > 1 ? i / static_cast<double>(interval.count - 1) : 0;
    centroids.push_back(static_cast<float>(low + part * (high - low)));
  }
  return centroids;
}

std::vector<float> uniform(const Interval& interval, Random& random) {
  std::vector<float> centroids(static_cast<size_t>(interval.count));
  for (float& centroid : centroids) {
    centroid = random.uniform(interval.weights.front(), interval.weights.back());
  }
  return centroids;
}

std::vector<float> kmeans_plus_plus(const Interval& interval, Random& random) {
  const std::span<const float> weights = interval.weights;
  std::vector<float> centroids = {weights[random.below(weights.size())]};
  std::vector<double> distance(weights.size(), std::numeric_limits<double>::infinity());
  while (static_cast<int>(centroids.size()) < interval.count) {
    double total = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const double difference = static_cast<double>(weights[i]) - centroids.back();
      distance[i] = std::min(distance[i], difference * difference);
      total += distance[i];
    }
    if (!(total > 0)) break;
    double left = random.uniform() * total;
    size_t chosen = weights.size() - 1;
    while (chosen > 0 && distance[chosen] == 0) --chosen;  // where rounding leaves nothing to find
    for (size_t i = 0; i < weights.size(); ++i) {
      left -= distance[i];
      if (left < 0 && distance[i] > 0) {
        chosen = i;
        break;
      }
    }
    centroids.push_back(weights[chosen]);
  }
  return centroids;
}

/// The distribution of weights at a grid of 30 points, a little wider than the weights (so that it
/// goes from 0 to 1), is read backwards at even steps from 0.01 to 1.
std::vector<float> density_based(const Interval& interval, bool keep_zeros) {
  constexpr int kPoints = 30;
  const std::span<const float> weights = interval.weights;
  const double low = weights.front(), high = weights.back();
  // Centroids of negative and positive weights must not cross zero.
  const double gap =
      keep_zeros ? std::min(0.01, std::min(std::fabs(low), std::fabs(high)) / 2) : 0.01;
  std::array<double, kPoints> x, part;
  for (size_t i = 0; i < kPoints; ++i) {
    x[i] = low - gap + (high - low + 2 * gap) * static_cast<double>(i) / (kPoints - 1);
    const auto above = std::upper_bound(weights.begin(), weights.end(), static_cast<float>(x[i]));
    part[i] = static_cast<double>(above - weights.begin()) / static_cast<double>(weights.size());
  }
  std::vector<float> centroids;
  for (int k = 0; k < interval.count; ++k) {
    const double wanted =
        interval.count > 1 ? 0.01 + 0.99 * k / static_cast<double>(interval.count - 1) : 0.01;
    const auto found = std::upper_bound(part.begin(), part.end(), wanted) - part.begin();
    const auto i = static_cast<size_t>(std::clamp<ptrdiff_t>(found, 1, kPoints - 1));
    const double rise = part[i] - part[i - 1];
    const double along = rise > 0 ? std::clamp((wanted - part[i - 1]) / rise, 0.0, 1.0) : 1;
    centroids.push_back(static_cast<float>(x[i - 1] + along * (x[i] - x[i - 1])));
  }
  return centroids;
}

void append_centroids(const Interval& interval, const CentroidSettings& settings, Random& random,
                      std::vector<float>& centroids) {
  if (interval.count <= 0 || interval.weights.empty()) return;
  std::vector<float> more;
  switch (settings.init) {
    case CentroidInit::linear:
      more = linear(interval);
      break;
    case CentroidInit::kmeans_plus_plus:
      more = kmeans_plus_plus(interval, random);
      break;
    case CentroidInit::density_based:
      more = density_based(interval, settings.keep_zeros);
      break;
    case CentroidInit::random:
      more = uniform(interval, random);
      break;
  }
  centroids.insert(centroids.end(), more.begin(), more.end());
}

void keep_unique(std::vector<float>& values) {
  for (float& value : values) value += 0.0f;  // -0 becomes 0
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

CentroidInit centroid_init(std::string_view name) {
  for (const auto& [known, init] : kNames) {
    if (known == name) return init;
  }
  fail(ErrorKind::bad_argument,
       "'{}' is no way to initialize centroids: linear, kmeans++, density_based or random", name);
}

std::string_view name(CentroidInit init) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.second == init; });
  return found->first;
}

void check(const CentroidSettings& settings) {
  const int least = settings.keep_zeros ? 3 : 2;
  if (settings.clusters < least || settings.clusters > static_cast<int>(kMaxClusters)) {
    fail(ErrorKind::bad_argument, "clustering: {} clusters; {} to {} are possible{}",
         settings.clusters, least, kMaxClusters,
         settings.keep_zeros ? " where zeros are kept" : "");
  }
}

std::vector<float> initial_centroids(std::span<const float> weights,
                                     const CentroidSettings& settings) {
  check(settings);
  std::vector<float> sorted(weights.begin(), weights.end());
  std::erase_if(sorted, [](float weight) { return !std::isfinite(weight); });
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty()) return {0.0f};
  std::vector<float> centroids = sorted;
  keep_unique(centroids);
  if (centroids.size() <= static_cast<size_t>(settings.clusters)) return centroids;

  const auto zeros = std::equal_range(sorted.begin(), sorted.end(), 0.0f);
  const bool keep_zeros = settings.keep_zeros && zeros.first != zeros.second;
  const auto below = static_cast<size_t>(zeros.first - sorted.begin());
  if (keep_zeros) sorted.erase(zeros.first, zeros.second);
  const std::span<const float> all(sorted);

  Random random(settings.seed);
  centroids.clear();
  if (keep_zeros) {
    const int others = settings.clusters - 1;
    const double share = static_cast<double>(below) / static_cast<double>(all.size());
    const int negative = static_cast<int>(std::nearbyint(others * share));
    append_centroids({all.first(below), negative}, settings, random, centroids);
    append_centroids({all.subspan(below), others - negative}, settings, random, centroids);
  } else {
    append_centroids({all, settings.clusters}, settings, random, centroids);
  }
  keep_unique(centroids);
  refine_centroids(all, settings.kmeans_steps, centroids);
  if (keep_zeros) centroids.push_back(0);
  keep_unique(centroids);
  return centroids;
}

}  // namespace smelt::compress
