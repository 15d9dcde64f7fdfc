#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace smelt::compress {

// Few values for many weights, on plain numbers; see smelt/train/cluster.h for training them.

/// Where centroids start, as tfmot's CentroidInitialization.
enum class CentroidInit {
  linear,            ///< evenly from the smallest to the largest weight
  kmeans_plus_plus,  ///< Arthur & Vassilvitskii 2007: drawn by squared distance to those drawn
  /// At even steps of the distribution of weights, read off a grid of 30 points and interpolated
  /// (as tfmot says; it takes the point above, which makes several centroids the same).
  density_based,
  random,  ///< uniform between the smallest and the largest weight
};

/// "linear", "kmeans++" (or "kmeans_plus_plus"), "density_based" (or "density"), "random";
/// bad_argument for others.
CentroidInit centroid_init(std::string_view name);
std::string_view name(CentroidInit init);

struct CentroidSettings {
  int clusters = 16;  ///< at most this many values; at least 2, with keep_zeros 3
  CentroidInit init = CentroidInit::kmeans_plus_plus;
  /// Where weights are 0, one centroid is 0, and the others go to negative and positive weights in
  /// proportion to their numbers (tfmot's preserve_sparsity).
  bool keep_zeros = false;
  int kmeans_steps = 10;  ///< of Lloyd's algorithm behind the initialization (tfmot: none)
  uint64_t seed = 9;
};

/// bad_argument where settings are out of range.
void check(const CentroidSettings& settings);

/// Centroids in growing order, `clusters` of them or fewer: no value comes twice. Where the weights
/// have no more than `clusters` different values, these are the centroids. What is no finite number
/// does not count; of nothing else the only centroid is 0.
std::vector<float> initial_centroids(std::span<const float> weights,
                                     const CentroidSettings& settings);

/// Cluster numbers are uint16.
inline constexpr size_t kMaxClusters = 65535;

/// The nearest centroid of each weight, the first of equally near ones (tf.argmin of |w - c|);
/// `centroids`, at most kMaxClusters, need not be in order. What `clusters` holds before does not
/// change the result, but is fast where it is right.
void assign_clusters(std::span<const float> weights, std::span<const float> centroids,
                     std::span<uint16_t> clusters);

/// Lloyd's algorithm: each centroid becomes the mean of its weights, up to `steps` times or until
/// nothing changes. Centroids without weights stay. Returns the squared error that is left.
double refine_centroids(std::span<const float> weights, int steps, std::vector<float>& centroids);

}  // namespace smelt::compress
