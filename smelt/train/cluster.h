#pragma once

#include <memory>
#include <string>
#include <vector>

#include "smelt/compress/clustering.h"
#include "smelt/compress/kernel_matrix.h"
#include "smelt/train/constraint.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// How the gradients of the weights in a cluster become that of their centroid.
enum class GradientAggregation { sum, average };

struct ClusterSettings {
  compress::CentroidSettings centroids;  ///< keep_zeros: zeros of the model stay (sparsity)
  bool per_channel = false;              ///< own centroids for each output channel of convolutions
  GradientAggregation aggregation = GradientAggregation::sum;
  /// The values that each kernel has now are its centroids (a clustered model is trained on, under
  /// quantization too). bad_argument, naming the kernel, where it has more than 65535.
  bool keep = false;
  /// Until this optimizer step kernels are trained as usual (and pruned, to be clustered then).
  int64_t begin_step = 0;
  bool reassign = true;           ///< weights may change to another cluster while they are trained
  std::vector<std::string> skip;  ///< globs over parameter names or layers that stay as they are
  bool depthwise = false;         ///< kernels of depthwise convolutions too (tfmot leaves them)
};

/// Weight sharing while a model is trained, as tfmot's cluster_weights: each kernel stands for
/// three things: the centroids, the original weights, and the clustered weights, which the forward
/// pass reads and which are those centroids that are nearest to the original weights. The
/// gradient of the clustered weights is that of the original ones (straight through), and its sum
/// over a cluster that of the centroid. So the optimizer trains centroids and original weights:
///   Clustering clustering(graph, module.parameters(), settings);
///   Optimizer optimizer(settings, clustering.trained(module.parameters()));
/// The module's kernels themselves hold clustered weights from begin_step on, at most as many
/// values as asked: nothing is left to strip. With keep_zeros what is zero stays zero and
/// nothing else becomes it, so that sparsity is exact (tfmot's preserve_sparsity lets small weights
/// join). To prune and cluster in one run, let masks be
/// final before clustering begins, and call the pruning first.
class Clustering : public Constraint {
 public:
  /// Of `parameters`, the trainable kernels and embeddings of `graph`; they hold clustered weights
  /// from now on where begin_step is 0. Kernels are worked on in parallel where there are workers,
  /// which must outlive this. bad_argument where settings are out of range, `skip` fits nothing, or
  /// nothing is left.
  Clustering(const Graph& graph, const std::vector<Parameter*>& parameters,
             ClusterSettings settings, Workers* workers = nullptr);
  ~Clustering() override;

  /// What an optimizer trains: `parameters` with each clustered kernel replaced by
  /// "conv1/kernel/centroids" (a kernel by kind) and, where weights may be reassigned,
  /// "conv1/kernel/original". They live as long as this.
  /// With begin_step > 0 they stand behind the kernel, and which of them train changes then.
  std::vector<Parameter*> trained(const std::vector<Parameter*>& parameters) const;

  void before_forward(int64_t step) override;
  void after_backward(int64_t step) override;
  void after_update(int64_t step) override;

  /// "clusters/conv1/kernel": different values of the kernel (the most of a channel where they are
  /// per channel).
  void report(const std::function<void(const std::string&, double)>& visit) const override;
  /// Assignments; centroids and original weights are visited here too, because no module has them.
  void visit_state(const StateVisitor& visit) override;

 private:
  struct Target;
  void for_each_target(const std::function<void(Target&)>& body) const;

  std::vector<std::unique_ptr<Target>> targets_;
  ClusterSettings settings_;
  Workers* workers_;
};

}  // namespace smelt::train
