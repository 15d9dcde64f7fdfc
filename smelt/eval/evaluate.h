#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/base/progress.h"
#include "smelt/data/dataset.h"
#include "smelt/eval/metrics.h"
#include "smelt/run/program.h"

namespace smelt {

struct EvaluateOptions {
  int threads = 0;  ///< 0: all
  Numerics numerics = Numerics::reference;
  Progress progress;
};

/// How well a model does on a data set.
struct Evaluation {
  int64_t samples = 0;
  double seconds = 0;  ///< of running the samples, preparation left out
  double samples_per_second = 0;

  /// Classification: set where the data set has labels.
  std::optional<double> accuracy;
  Interval accuracy_interval;            ///< 95 %
  ConfusionMatrix confusion;             ///< without classes where the model has more than 4096
  std::vector<std::string> class_names;  ///< may be empty
  std::vector<uint8_t> hits;             ///< 1 for every sample that was classified right

  /// Mean over samples: "cross_entropy" of labels where the output is a distribution (natural
  /// logarithm, probabilities not below 1e-7), "mse" against targets, or "reconstruction_mse"
  /// against the input itself (auto-encoders, where the data set has neither).
  std::optional<double> loss;
  std::string loss_name;
};

/// Runs every sample and compares. The first output counts; quantized outputs are compared as the
/// real numbers that they stand for. A single output unit is a probability of class 1 (threshold
/// 0.5). bad_argument where data set and model do not fit.
Evaluation evaluate(const Model& model, const Dataset& dataset, const EvaluateOptions& = {});

}  // namespace smelt
