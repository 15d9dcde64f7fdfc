#include "smelt/train/cluster.h"

#include <algorithm>

#include "smelt/base/error.h"
#include "smelt/train/compressible.h"

namespace smelt::train {
namespace {

/// The weights that share centroids: `count` of the kernel's, from `first` on, `stride` apart.
struct Group {
  int64_t first = 0, stride = 1, count = 0;
  int64_t first_centroid = 0, centroids = 0;

  size_t weight(int64_t i) const { return static_cast<size_t>(first + i * stride); }
};

std::vector<Group> groups_of(const Compressible& kernel, bool per_channel) {
  const compress::KernelMatrix& matrix = kernel.matrix;
  if (!per_channel || !kernel.convolution) return {{.count = kernel.parameter->size()}};
  std::vector<Group> groups;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    groups.push_back(
        {.first = matrix.index(row, 0), .stride = matrix.col_stride, .count = matrix.cols});
  }
  return groups;
}

std::vector<float> gather(const Group& group, const std::vector<float>& weights) {
  std::vector<float> values(static_cast<size_t>(group.count));
  for (int64_t i = 0; i < group.count; ++i) {
    values[static_cast<size_t>(i)] = weights[group.weight(i)];
  }
  return values;
}

std::vector<float> unique_values(std::vector<float> values, const std::string& name) {
  for (float& value : values) value += 0.0f;  // -0 becomes 0
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.size() > compress::kMaxClusters) {
    fail(ErrorKind::bad_argument, "clustering: {} has {} different values; it is not clustered",
         name, values.size());
  }
  return values;
}

}  // namespace

struct Clustering::Target {
  Parameter* kernel = nullptr;
  std::vector<Group> groups;
  Parameter original;
  Parameter centroids;             ///< of all groups, one behind the other
  std::vector<uint16_t> clusters;  ///< of each weight, within its group
  std::vector<uint8_t> pinned;     ///< 1: stays zero; empty where zeros are not kept
  std::vector<uint8_t> is_zero;    ///< by centroid: 1 where it stays zero

  Target(const Compressible& from, const ClusterSettings& settings)
      : kernel(from.parameter),
        groups(groups_of(from, settings.per_channel)),
        original(*from.parameter),
        clusters(from.parameter->data.size()) {
    original.name += "/original";
    original.grad.assign(original.data.size(), 0.0f);
    centroids = {.name = kernel->name + "/centroids", .layer = kernel->layer, .kind = kernel->kind};
    for (Group& group : groups) {
      const std::vector<float> weights = gather(group, kernel->data);
      const std::vector<float> found =
          settings.keep ? unique_values(weights, kernel->name)
                        : compress::initial_centroids(weights, settings.centroids);
      group.first_centroid = centroids.size();
      group.centroids = static_cast<int64_t>(found.size());
      centroids.data.insert(centroids.data.end(), found.begin(), found.end());
    }
    centroids.shape = {static_cast<int32_t>(centroids.size())};
    centroids.grad.assign(centroids.data.size(), 0.0f);
    assign();
    if (settings.centroids.keep_zeros) pin_zeros();
    write_kernel();
  }

  void pin_zeros() {
    is_zero.resize(centroids.data.size());
    std::transform(centroids.data.begin(), centroids.data.end(), is_zero.begin(),
                   [](float centroid) { return static_cast<uint8_t>(centroid == 0); });
    pinned.resize(clusters.size());
    for (const Group& group : groups) {
      for (int64_t i = 0; i < group.count; ++i) {
        pinned[group.weight(i)] = is_zero[centroid_of(group, i)];
      }
    }
  }

  size_t centroid_of(const Group& group, int64_t i) const {
    return static_cast<size_t>(group.first_centroid) + clusters[group.weight(i)];
  }

  void assign() {
    std::vector<float> weights;
    std::vector<uint16_t> found;
    for (const Group& group : groups) {
      const std::span<const float> values(centroids.data.data() + group.first_centroid,
                                          static_cast<size_t>(group.centroids));
      if (group.stride == 1) {
        const auto first = static_cast<size_t>(group.first), n = static_cast<size_t>(group.count);
        compress::assign_clusters(std::span(original.data).subspan(first, n), values,
                                  std::span(clusters).subspan(first, n));
        continue;
      }
      weights = gather(group, original.data);
      found.resize(weights.size());
      compress::assign_clusters(weights, values, found);
      for (int64_t i = 0; i < group.count; ++i) {
        clusters[group.weight(i)] = found[static_cast<size_t>(i)];
      }
    }
  }

  void write_kernel() {
    for (const Group& group : groups) {
      for (int64_t i = 0; i < group.count; ++i) {
        kernel->data[group.weight(i)] = centroids.data[centroid_of(group, i)];
      }
    }
  }

  void collect_gradients(GradientAggregation aggregation) {
    std::vector<double> sums(centroids.data.size());
    std::vector<int64_t> counts(centroids.data.size());
    original.grad = kernel->grad;
    if (!pinned.empty()) {
      for (size_t i = 0; i < pinned.size(); ++i) {
        if (pinned[i] != 0) original.grad[i] = 0;
      }
    }
    for (const Group& group : groups) {
      for (int64_t i = 0; i < group.count; ++i) {
        const size_t k = centroid_of(group, i);
        sums[k] += kernel->grad[group.weight(i)];
        ++counts[k];
      }
    }
    const bool average = aggregation == GradientAggregation::average;
    for (size_t k = 0; k < sums.size(); ++k) {
      const double divisor = average ? static_cast<double>(std::max<int64_t>(1, counts[k])) : 1;
      const bool fixed = !is_zero.empty() && is_zero[k] != 0;
      centroids.grad[k] = fixed ? 0 : static_cast<float>(sums[k] / divisor);
    }
  }

  void follow(bool reassign) {
    // Momentum and decay must not move what stays zero.
    for (size_t k = 0; k < is_zero.size(); ++k) {
      if (is_zero[k] != 0) centroids.data[k] = 0;
    }
    for (size_t i = 0; i < pinned.size(); ++i) {
      if (pinned[i] != 0) original.data[i] = 0;
    }
    if (reassign) assign();
    write_kernel();
  }

  int64_t most_values() const {
    size_t most = 0;
    for (const Group& group : groups) {
      most = std::max(most, unique_values(gather(group, kernel->data), kernel->name).size());
    }
    return static_cast<int64_t>(most);
  }
};

Clustering::Clustering(const Graph& graph, const std::vector<Parameter*>& parameters,
                       ClusterSettings settings, Workers* workers)
    : settings_(std::move(settings)), workers_(workers) {
  const std::vector<Compressible> all = compressible(graph, parameters, settings_.depthwise);
  check_patterns(settings_.skip, all, "clustering");
  for (const Compressible& entry : all) {
    const bool skipped = std::any_of(
        settings_.skip.begin(), settings_.skip.end(),
        [&](const std::string& pattern) { return fits_parameter(pattern, *entry.parameter); });
    if (!skipped) targets_.push_back(std::make_unique<Target>(entry, settings_));
  }
  if (targets_.empty()) {
    fail(ErrorKind::bad_argument, "clustering: the model has no kernel to cluster");
  }
}

Clustering::~Clustering() = default;

std::vector<Parameter*> Clustering::trained(const std::vector<Parameter*>& parameters) const {
  std::vector<Parameter*> result;
  for (Parameter* parameter : parameters) {
    const auto found = std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) {
      return target->kernel == parameter;
    });
    if (found == targets_.end()) {
      result.push_back(parameter);
      continue;
    }
    result.push_back(&(*found)->centroids);
    if (settings_.reassign) result.push_back(&(*found)->original);
  }
  return result;
}

void Clustering::for_each_target(const std::function<void(Target&)>& body) const {
  const auto count = static_cast<int64_t>(targets_.size());
  if (workers_ != nullptr) {
    workers_->run(count, [&](int, int64_t task) { body(*targets_[static_cast<size_t>(task)]); });
  } else {
    for (const auto& target : targets_) body(*target);
  }
}

void Clustering::after_backward(int64_t /*step*/) {
  for_each_target([&](Target& target) { target.collect_gradients(settings_.aggregation); });
}

void Clustering::after_update(int64_t /*step*/) {
  for_each_target([&](Target& target) { target.follow(settings_.reassign); });
}

void Clustering::report(const std::function<void(const std::string&, double)>& visit) const {
  for (const auto& target : targets_) {
    visit("clusters/" + target->kernel->name, static_cast<double>(target->most_values()));
  }
}

void Clustering::visit_state(const StateVisitor& visit) {
  for (const auto& target : targets_) {
    const std::string prefix = "clustering/" + target->kernel->name;
    visit(prefix + "/centroids", target->centroids.data);
    visit(prefix + "/original", target->original.data);
    std::vector<float> clusters(target->clusters.begin(), target->clusters.end());
    visit(prefix + "/clusters", clusters);
    for (const Group& group : target->groups) {
      for (int64_t i = 0; i < group.count; ++i) {
        const size_t at = group.weight(i);
        // Checkpoints are files: numbers stay within the group.
        const bool valid = clusters[at] >= 0 && clusters[at] < static_cast<float>(group.centroids);
        target->clusters[at] = static_cast<uint16_t>(valid ? clusters[at] : 0);
      }
    }
    if (target->pinned.empty()) continue;
    std::vector<float> pinned(target->pinned.begin(), target->pinned.end());
    visit(prefix + "/zeros", pinned);
    std::transform(pinned.begin(), pinned.end(), target->pinned.begin(),
                   [](float kept) { return static_cast<uint8_t>(kept != 0); });
  }
}

}  // namespace smelt::train
