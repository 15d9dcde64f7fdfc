#pragma once

#include <cstdint>
#include <vector>

#include "smelt/train/module.h"
#include "smelt/train/schedule.h"

namespace smelt::train {

/// Parameters and statistics of a module as they were once, to go back to.
class Snapshot {
 public:
  void take(const Module& module);
  /// Nothing where none was taken.
  void restore(Module& module) const;
  bool empty() const { return values_.empty(); }

  void visit_state(const StateVisitor& visit);

 private:
  std::vector<std::vector<float>> values_;
};

struct EarlyStoppingSettings {
  int patience = 0;      ///< epochs without improvement that are still allowed
  double min_delta = 0;  ///< what counts as one
  int first_epoch = 0;   ///< epochs before this one are not watched (Keras's start_from_epoch)
  Direction direction = Direction::lower_is_better;
};

/// Ends training when a metric stops to improve (keras.callbacks.EarlyStopping). Restoring the best
/// weights is up to the caller: keep a Snapshot (or a checkpoint) whenever `improved` says so.
class EarlyStopping {
 public:
  struct Verdict {
    bool improved = false;
    bool stop = false;
  };

  explicit EarlyStopping(const EarlyStoppingSettings& settings);

  /// Behind epoch `epoch` (from 0). A metric that is no number is no improvement.
  Verdict end_epoch(int64_t epoch, double metric);

  double best() const { return best_; }
  int64_t best_epoch() const { return best_epoch_; }  ///< -1 before the first improvement

  void visit_state(const StateVisitor& visit);

 private:
  EarlyStoppingSettings settings_;
  double best_ = 0;
  int64_t best_epoch_ = -1;
  int64_t wait_ = 0;
};

}  // namespace smelt::train
