#include "smelt/train/cluster.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/train/compressible.h"
#include "smelt/train/state.h"

namespace smelt::train {
namespace {

/// The weights that share centroids: `count` of the kernel's, from `first` on, `stride` apart.
struct Group {
  int64_t first = 0, stride = 1, count = 0;
  int64_t first_centroid = 0;
  int64_t capacity = 0;   ///< places for centroids
  int64_t centroids = 0;  ///< in use; 0 before clustering begins

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
  std::erase_if(values, [](float value) { return std::isnan(value); });
  if (values.empty()) return {0.0f};
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
  std::vector<uint8_t> is_zero;    ///< by centroid: 1 where it stays zero; empty likewise

  Target(const Compressible& from, const ClusterSettings& settings)
      : kernel(from.parameter),
        groups(groups_of(from, settings.per_channel)),
        original(*from.parameter),
        clusters(from.parameter->data.size()) {
    original.name += "/original";
    original.trainable = false;
    centroids = {.name = kernel->name + "/centroids",
                 .layer = kernel->layer,
                 .kind = kernel->kind,
                 .trainable = false};
    for (Group& group : groups) {
      group.first_centroid = centroids.size();
      group.capacity = settings.keep ? static_cast<int64_t>(first_centroids(group, settings).size())
                                     : settings.centroids.clusters;
      centroids.data.resize(static_cast<size_t>(group.first_centroid + group.capacity));
    }
    centroids.shape = {static_cast<int32_t>(centroids.size())};
    centroids.grad.assign(centroids.data.size(), 0.0f);
    if (!settings.centroids.keep_zeros) return;
    pinned.resize(clusters.size());
    is_zero.resize(centroids.data.size());
  }

  std::vector<float> first_centroids(const Group& group, const ClusterSettings& settings) const {
    const std::vector<float> weights = gather(group, kernel->data);
    return settings.keep ? unique_values(weights, kernel->name)
                         : compress::initial_centroids(weights, settings.centroids);
  }

  bool started() const { return groups.front().centroids > 0; }

  /// From the weights as they are now.
  void start(const ClusterSettings& settings) {
    original.data = kernel->data;
    for (Group& group : groups) {
      const std::vector<float> found = first_centroids(group, settings);
      group.centroids = static_cast<int64_t>(found.size());
      std::copy(found.begin(), found.end(), centroids.data.begin() + group.first_centroid);
    }
    if (settings.centroids.keep_zeros) pin_zeros();
    assign();
    write_kernel();
    set_trainable(settings);
  }

  void set_trainable(const ClusterSettings& settings) {
    centroids.trainable = true;
    original.trainable = settings.reassign;
    // The optimizer has it until clustering begins.
    if (settings.begin_step > 0) kernel->trainable = false;
  }

  void pin_zeros() {
    for (const Group& group : groups) {
      for (int64_t k = group.first_centroid; k < group.first_centroid + group.centroids; ++k) {
        const auto at = static_cast<size_t>(k);
        is_zero[at] = static_cast<uint8_t>(centroids.data[at] == 0);
      }
    }
    std::transform(original.data.begin(), original.data.end(), pinned.begin(),
                   [](float weight) { return static_cast<uint8_t>(weight == 0); });
  }

  size_t centroid_of(const Group& group, int64_t i) const {
    return static_cast<size_t>(group.first_centroid) + clusters[group.weight(i)];
  }

  void assign() {
    for (const Group& group : groups) {
      std::vector<float> values(centroids.data.begin() + group.first_centroid,
                                centroids.data.begin() + group.first_centroid + group.centroids);
      uint16_t zero = 0;
      for (size_t k = 0; k < values.size() && !is_zero.empty(); ++k) {
        if (is_zero[static_cast<size_t>(group.first_centroid) + k] == 0) continue;
        zero = static_cast<uint16_t>(k);
        values[k] = std::nanf("");  // no other weight becomes zero
      }
      assign_group(group, values);
      for (int64_t i = 0; i < group.count && !pinned.empty(); ++i) {
        if (pinned[group.weight(i)] != 0) clusters[group.weight(i)] = zero;
      }
    }
  }

  void assign_group(const Group& group, std::span<const float> values) {
    if (group.stride == 1) {
      const auto first = static_cast<size_t>(group.first), n = static_cast<size_t>(group.count);
      compress::assign_clusters(std::span(original.data).subspan(first, n), values,
                                std::span(clusters).subspan(first, n));
      return;
    }
    const std::vector<float> weights = gather(group, original.data);
    std::vector<uint16_t> found(weights.size());
    compress::assign_clusters(weights, values, found);
    for (int64_t i = 0; i < group.count; ++i) {
      clusters[group.weight(i)] = found[static_cast<size_t>(i)];
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
    if (!started()) return;
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
    if (!started()) return;
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

  /// Checkpoints are files: numbers stay within the places that there are.
  void restore(const std::vector<float>& counts, const std::vector<float>& found) {
    for (size_t g = 0; g < groups.size(); ++g) {
      Group& group = groups[g];
      const bool fits = counts[g] >= 0 && counts[g] <= static_cast<float>(group.capacity);
      group.centroids = fits ? static_cast<int64_t>(counts[g]) : 0;
      for (int64_t i = 0; i < group.count; ++i) {
        const size_t at = group.weight(i);
        const bool valid = found[at] >= 0 && found[at] < static_cast<float>(group.centroids);
        clusters[at] = static_cast<uint16_t>(valid ? found[at] : 0);
      }
    }
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
  if (settings_.begin_step < 0) {
    fail(ErrorKind::bad_argument, "clustering: begins at step {}; steps count from 0",
         settings_.begin_step);
  }
  if (settings_.keep && settings_.begin_step > 0) {
    fail(ErrorKind::bad_argument,
         "clustering: the values of a clustered model are kept from the first step on, not from "
         "step {}",
         settings_.begin_step);
  }
  compress::check(settings_.centroids);
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
  if (settings_.begin_step == 0) {
    for_each_target([&](Target& target) { target.start(settings_); });
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
    if (settings_.begin_step > 0) result.push_back(parameter);
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

void Clustering::before_forward(int64_t step) {
  if (step < settings_.begin_step || targets_.front()->started()) return;
  for_each_target([&](Target& target) { target.start(settings_); });
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
    std::vector<float> counts;
    for (const Group& group : target->groups) counts.push_back(static_cast<float>(group.centroids));
    visit(prefix + "/counts", counts);
    std::vector<float> clusters(target->clusters.begin(), target->clusters.end());
    visit(prefix + "/clusters", clusters);
    target->restore(counts, clusters);
    if (target->started()) target->set_trainable(settings_);
    visit_bytes(visit, prefix + "/zeros", target->pinned);
    visit_bytes(visit, prefix + "/zero_centroids", target->is_zero);
  }
}

}  // namespace smelt::train
