#pragma once

#include <string_view>

#include "smelt/train/loss.h"

namespace smelt::train {

/// A mean that grows batch by batch; those of several workers or batches merge.
struct RunningMean {
  double sum = 0;
  double weight = 0;

  void add(double mean, double of_weight) {
    sum += mean * of_weight;
    weight += of_weight;
  }
  void merge(const RunningMean& other) {
    sum += other.sum;
    weight += other.weight;
  }
  /// 0 where nothing was added.
  double value() const { return weight > 0 ? sum / weight : 0; }
};

enum class MetricKind { accuracy, mae, mse };

/// "accuracy" ("acc"), "mae" ("mean_absolute_error"), "mse" ("mean_squared_error"); bad_argument
/// for others.
MetricKind metric_kind(std::string_view name);
std::string_view name(MetricKind kind);

/// What is looked at while a loss of this kind is trained: accuracy for crossentropies, else mae.
MetricKind usual_metric(LossKind kind);

/// Adds a metric of the batch that `loss` just read to `mean`, each position with weight 1 (sample
/// and class weights are those of the loss alone, as in Keras). Accuracy follows the loss as Keras
/// chooses it: the largest entry against the class number, or against the largest of the target;
/// with binary_crossentropy (or one class) each entry against the threshold 0.5 (0 of logits). The
/// first of equal entries is the largest. mae and mse compare probabilities where the loss reads
/// logits.
void measure(MetricKind kind, const Loss& loss, const Step& step, const Targets& targets,
             RunningMean& mean);

}  // namespace smelt::train
