#include "smelt/train/early_stopping.h"

#include "smelt/base/error.h"
#include "smelt/train/state.h"

namespace smelt::train {

EarlyStopping::EarlyStopping(const EarlyStoppingSettings& settings)
    : settings_(settings), best_(worst_metric(settings.direction)) {
  if (settings.patience < 0 || !(settings.min_delta >= 0)) {
    fail(ErrorKind::bad_argument,
         "early stopping: patience is {} and the least improvement {}; both must be at least 0",
         settings.patience, settings.min_delta);
  }
}

// In the order of keras.callbacks.EarlyStopping.on_epoch_end.
EarlyStopping::Verdict EarlyStopping::end_epoch(int64_t epoch, double metric) {
  if (epoch < settings_.first_epoch) return {};
  ++wait_;
  if (improves(settings_.direction, metric, best_, settings_.min_delta)) {
    best_ = metric;
    best_epoch_ = epoch;
    wait_ = 0;
    return {.improved = true};
  }
  return {.stop = wait_ >= settings_.patience && epoch > 0};
}

void EarlyStopping::visit_state(const StateVisitor& visit) {
  visit_double(visit, "early_stopping/best", best_);
  visit_count(visit, "early_stopping/best_epoch", best_epoch_);
  visit_count(visit, "early_stopping/wait", wait_);
}

}  // namespace smelt::train
