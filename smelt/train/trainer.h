#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "smelt/train/batches.h"
#include "smelt/train/checkpoint.h"
#include "smelt/train/distill.h"
#include "smelt/train/early_stopping.h"
#include "smelt/train/history.h"
#include "smelt/train/metrics.h"
#include "smelt/train/optimizer.h"
#include "smelt/train/schedule.h"

namespace smelt::train {

/// A constraint and the name that its state has in checkpoints.
struct NamedConstraint {
  std::string name;  ///< "prune"
  Constraint* constraint = nullptr;
};

/// What takes part in training; all of it must outlive the trainer.
struct TrainerParts {
  const Model& model;  ///< that the module was made of, for messages
  Module& module;
  const Loss& loss;
  const Loss& validation_loss;  ///< the same without class weights
  MetricKind metric = MetricKind::accuracy;
  Optimizer& optimizer;
  Schedule& schedule;
  Workers& workers;
  std::vector<NamedConstraint> constraints = {};
  Distillation* distillation = nullptr;
};

/// How far training is, for people.
struct TrainingProgress {
  bool validating = false;
  int64_t epoch = 0;  ///< from 1
  int64_t epochs = 0;
  int64_t samples = 0;  ///< of this epoch (of the validation) that are done
  int64_t epoch_samples = 0;
  double loss = 0;    ///< mean over the epoch so far
  double metric = 0;  ///< likewise
  double samples_per_second = 0;
  double seconds_left = 0;  ///< until the last epoch's end
};

enum class Keep {
  last,  ///< the parameters behind the last epoch
  best,  ///< those of the epoch in which the monitored metric was best
};

struct TrainerOptions {
  DatasetPtr train;
  DatasetPtr validation;  ///< or null
  BatchOptions batches;
  int64_t epochs = 1;
  uint64_t seed = 0;
  std::string monitor = "val_loss";
  EarlyStoppingSettings stopping;
  bool stops_early = false;
  Keep keep = Keep::last;
  int64_t checkpoint_steps = 0;  ///< a checkpoint every so many steps; 0: none within an epoch

  /// Behind every step; false ends training, with a checkpoint.
  std::function<bool(const TrainingProgress&)> progress;
  /// Epochs are counted from 0; `begins` is false where a resumed run goes on within one.
  std::function<void(int64_t epoch, bool begins)> before_epoch;
  /// Behind every epoch; the metrics are the last of `history`.
  std::function<void(const History& history, bool best)> after_epoch;
  /// Wants to be saved: at each epoch's end, every checkpoint_steps, and when interrupted.
  std::function<void()> checkpoint;
};

struct TrainResult {
  History history;
  int64_t steps = 0;
  bool interrupted = false;
  bool stopped_early = false;
  int64_t best_epoch = 0;  ///< from 1; 0: none
  /// Over the training steps of this call alone: batches, forward, backward, update.
  double samples_per_second = 0;
  double training_seconds = 0;
  double seconds = 0;  ///< of everything
};

/// The training loop.
class Trainer {
 public:
  /// bad_argument where data and model do not fit.
  Trainer(const TrainerParts& parts, TrainerOptions options);
  ~Trainer();

  /// Trains from where the state is to the last epoch. bad_argument, naming epoch and layer, where
  /// training diverges: a loss or a parameter is not finite any more.
  TrainResult run();

  /// Everything that `restore` needs for going on to the same bytes.
  void save(Checkpoint& checkpoint);
  /// `origin` names the checkpoint in errors: bad_file where it belongs to another run.
  void restore(const Checkpoint& checkpoint, const std::string& origin);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace smelt::train
