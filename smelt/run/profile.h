#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "smelt/run/interpreter.h"

namespace smelt {

/// Measures how long each step of a program takes.
///   StepTimer timer(interpreter.program());
///   interpreter.set_hook(timer.hook());   // the timer must outlive the hook
///   for (...) interpreter.invoke();
class StepTimer {
 public:
  explicit StepTimer(const Program& program) : seconds_(program.steps().size(), 0.0) {}

  Interpreter::Hook hook();

  int64_t invocations() const { return invocations_; }
  /// Total time of each step over all invocations.
  std::span<const double> seconds() const { return seconds_; }

 private:
  void mark(int step);

  std::vector<double> seconds_;
  int64_t invocations_ = 0;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace smelt
