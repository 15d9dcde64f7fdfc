#include "smelt/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "smelt/base/error.h"
#include "smelt/train/named.h"
#include "smelt/train/state.h"

namespace smelt::train {
namespace {

constexpr Named<ScheduleKind> kNames[] = {
    {"constant", ScheduleKind::constant},   {"cosine", ScheduleKind::cosine},
    {"step", ScheduleKind::step},           {"exponential", ScheduleKind::exponential},
    {"piecewise", ScheduleKind::piecewise}, {"plateau", ScheduleKind::plateau},
};

template <class T>
void require(bool holds, const char* setting, T value, const char* rule) {
  if (!holds)
    fail(ErrorKind::bad_argument, "schedule: {} is {}; it must be {}", setting, value, rule);
}

bool is_rate(double value) { return value >= 0 && std::isfinite(value); }

void check_piecewise(const ScheduleSettings& s) {
  if (s.boundaries.empty() || s.values.size() != s.boundaries.size() + 1) {
    fail(ErrorKind::bad_argument,
         "schedule: piecewise has {} boundaries and {} values; it needs one value more than "
         "boundaries",
         s.boundaries.size(), s.values.size());
  }
  if (!std::is_sorted(s.boundaries.begin(), s.boundaries.end())) {
    fail(ErrorKind::bad_argument, "schedule: the boundaries of piecewise must grow");
  }
  for (const double value : s.values) require(is_rate(value), "a value", value, "at least 0");
}

void check(const ScheduleSettings& s) {
  require(is_rate(s.learning_rate), "the learning rate", s.learning_rate, "at least 0");
  require(is_rate(s.warmup_from), "the first rate of the warmup", s.warmup_from, "at least 0");
  require(s.warmup_steps >= 0, "the number of warmup steps", s.warmup_steps, "at least 0");
  switch (s.kind) {
    case ScheduleKind::constant:
      break;
    case ScheduleKind::cosine:
      require(s.decay_steps > 0, "the number of steps", s.decay_steps, "at least 1");
      require(s.alpha >= 0 && s.alpha <= 1, "alpha", s.alpha, "in [0, 1]");
      break;
    case ScheduleKind::step:
    case ScheduleKind::exponential:
      require(s.decay_steps > 0, "the number of steps", s.decay_steps, "at least 1");
      require(is_rate(s.decay_rate), "the decay rate", s.decay_rate, "at least 0");
      break;
    case ScheduleKind::piecewise:
      check_piecewise(s);
      break;
    case ScheduleKind::plateau:
      require(s.factor >= 0 && s.factor < 1, "the factor", s.factor, "in [0, 1)");
      require(s.patience >= 0, "the patience", s.patience, "at least 0");
      require(s.cooldown >= 0, "the cooldown", s.cooldown, "at least 0");
      require(s.min_delta >= 0, "the least improvement", s.min_delta, "at least 0");
      require(is_rate(s.min_learning_rate), "the least rate", s.min_learning_rate, "at least 0");
      break;
  }
}

}  // namespace

ScheduleKind schedule_kind(std::string_view name) {
  return value_of<ScheduleKind>(kNames, name, "schedule");
}
std::string_view name(ScheduleKind kind) { return name_of<ScheduleKind>(kNames, kind); }

Direction metric_direction(std::string_view metric) {
  return metric.ends_with("accuracy") || metric.ends_with("acc") ? Direction::higher_is_better
                                                                 : Direction::lower_is_better;
}

double worst_metric(Direction direction) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return direction == Direction::lower_is_better ? kInfinity : -kInfinity;
}

bool improves(Direction direction, double metric, double best, double min_delta) {
  return direction == Direction::lower_is_better ? metric < best - min_delta
                                                 : metric > best + min_delta;
}

Schedule::Schedule(ScheduleSettings settings)
    : settings_(std::move(settings)),
      plateau_rate_(settings_.learning_rate),
      best_(worst_metric(settings_.direction)) {
  check(settings_);
}

double Schedule::rate(int64_t step) const {
  const ScheduleSettings& s = settings_;
  if (step < s.warmup_steps) {
    const double part = static_cast<double>(step) / static_cast<double>(s.warmup_steps);
    return s.warmup_from + (s.learning_rate - s.warmup_from) * part;
  }
  const int64_t t = step - s.warmup_steps;
  const double decays =
      static_cast<double>(t) / static_cast<double>(std::max<int64_t>(1, s.decay_steps));
  switch (s.kind) {
    case ScheduleKind::constant:
      break;
    case ScheduleKind::cosine: {
      const double cosine = (1 + std::cos(std::numbers::pi * std::min(1.0, decays))) / 2;
      return s.learning_rate * ((1 - s.alpha) * cosine + s.alpha);
    }
    case ScheduleKind::step:
      return s.learning_rate * std::pow(s.decay_rate, std::floor(decays));
    case ScheduleKind::exponential:
      return s.learning_rate * std::pow(s.decay_rate, s.staircase ? std::floor(decays) : decays);
    case ScheduleKind::piecewise: {
      const auto at = std::lower_bound(s.boundaries.begin(), s.boundaries.end(), t);
      return s.values[static_cast<size_t>(at - s.boundaries.begin())];
    }
    case ScheduleKind::plateau:
      return plateau_rate_;
  }
  return s.learning_rate;
}

// In the order of keras.callbacks.ReduceLROnPlateau.on_epoch_end.
void Schedule::end_epoch(double metric) {
  if (!needs_metric()) return;
  const ScheduleSettings& s = settings_;
  if (cooldown_ > 0) {
    --cooldown_;
    wait_ = 0;
  }
  if (improves(s.direction, metric, best_, s.min_delta)) {
    best_ = metric;
    wait_ = 0;
  } else if (cooldown_ <= 0 && ++wait_ >= s.patience && plateau_rate_ > s.min_learning_rate) {
    plateau_rate_ = std::max(plateau_rate_ * s.factor, s.min_learning_rate);
    cooldown_ = s.cooldown;
    wait_ = 0;
  }
}

void Schedule::visit_state(const StateVisitor& visit) {
  if (!needs_metric()) return;
  visit_double(visit, "schedule/rate", plateau_rate_);
  visit_double(visit, "schedule/best", best_);
  visit_count(visit, "schedule/wait", wait_);
  visit_count(visit, "schedule/cooldown", cooldown_);
}

}  // namespace smelt::train
