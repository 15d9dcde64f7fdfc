#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "smelt/train/constraint.h"

namespace smelt::train {

// Learning rates over time, with the formulas of Keras 3 (keras.optimizers.schedules,
// keras.callbacks). See early_stopping.h for the end of training.

/// lr is settings.learning_rate, t the optimizer's step counted from 0 (less warmup_steps):
enum class ScheduleKind {
  constant,     ///< lr
  cosine,       ///< lr ((1 - alpha) (1 + cos(pi min(t, decay_steps) / decay_steps)) / 2 + alpha)
  step,         ///< lr decay_rate^floor(t / decay_steps)
  exponential,  ///< lr decay_rate^(t / decay_steps); staircase: as step
  piecewise,    ///< values[i] for the first i with t <= boundaries[i], else the last value
  plateau,      ///< ReduceLROnPlateau: lr times factor whenever the metric stops to improve
};

/// "constant", "cosine", "step", "exponential", "piecewise", "plateau"; bad_argument for others.
ScheduleKind schedule_kind(std::string_view name);
std::string_view name(ScheduleKind kind);

/// Whether a metric improves by growing. "accuracy" and names that end so do, others shrink.
enum class Direction { lower_is_better, higher_is_better };
Direction metric_direction(std::string_view metric);
/// What every metric improves on.
double worst_metric(Direction direction);
/// By more than min_delta; never where `metric` is NaN.
bool improves(Direction direction, double metric, double best, double min_delta);

struct ScheduleSettings {
  ScheduleKind kind = ScheduleKind::constant;
  double learning_rate = 0.001;

  /// For every kind: the rate grows linearly from warmup_from to learning_rate over this many
  /// steps, and the schedule starts behind them (as Keras's CosineDecay does).
  int64_t warmup_steps = 0;
  double warmup_from = 0;

  int64_t decay_steps = 0;  ///< > 0 where the kind needs it; cosine: all steps but the warmup
  double alpha = 0;         ///< cosine: the last rate as a part of the first
  double decay_rate = 0.1;
  bool staircase = false;

  std::vector<int64_t> boundaries = {};  ///< piecewise: growing
  std::vector<double> values = {};       ///< one more than boundaries

  // plateau, in epochs
  double factor = 0.1;
  int patience = 10;
  double min_delta = 1e-4;
  int cooldown = 0;
  double min_learning_rate = 0;
  Direction direction = Direction::lower_is_better;
};

class Schedule {
 public:
  /// bad_argument where a setting that the kind needs is missing or out of range.
  explicit Schedule(ScheduleSettings settings);

  /// The rate for optimizer step `step`, counted from 0.
  double rate(int64_t step) const;

  bool needs_metric() const { return settings_.kind == ScheduleKind::plateau; }
  /// Behind each epoch, with the metric that plateau watches; other kinds ignore it.
  void end_epoch(double metric);

  const ScheduleSettings& settings() const { return settings_; }
  void visit_state(const StateVisitor& visit);

 private:
  ScheduleSettings settings_;
  double plateau_rate_ = 0;
  double best_ = 0;
  int64_t wait_ = 0;
  int64_t cooldown_ = 0;
};

}  // namespace smelt::train
