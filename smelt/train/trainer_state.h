#pragma once

#include <chrono>
#include <optional>

#include "smelt/train/trainer.h"

namespace smelt::train {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Loss and metric over the samples that were seen.
struct Means {
  RunningMean loss;
  RunningMean metric;
};

struct Trainer::State {
  State(const TrainerParts& given_parts, TrainerOptions given_options);

  void visit(const StateVisitor& visit);
  nlohmann::ordered_json counters() const;
  void set_counters(const nlohmann::ordered_json& json);

  bool train_epoch();
  void train_step(const Batch& batch);
  void validate(EpochMetrics& metrics);
  void end_epoch(double seconds);
  bool report(bool validating, int64_t samples, const Means& means);
  /// Copies a batch into the module; the pass over it.
  Step load(const Batch& batch, bool training);
  void require_finite(double loss, int64_t samples) const;

  TrainerParts parts;
  TrainerOptions options;
  EarlyStopping stopping;
  Snapshot best;
  std::unique_ptr<BatchStream> validation;
  std::unique_ptr<BatchStream> batches;
  std::vector<float> scratch;

  // What a checkpoint holds besides arrays.
  int64_t epoch = 0;  ///< that is trained
  int64_t batch = 0;  ///< of the epoch that comes next
  int64_t step = 0;
  Means means;  ///< of the epoch so far
  int64_t epoch_samples = 0;
  double epoch_seconds = 0;
  History history;
  bool stopped_early = false;
  bool has_best = false;

  // Of this run alone.
  int64_t trained_samples = 0;
  double training_seconds = 0;
};

}  // namespace smelt::train
