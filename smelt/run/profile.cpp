#include "smelt/run/profile.h"

namespace smelt {

Interpreter::Hook StepTimer::hook() {
  return [this](const Interpreter&, int step) { mark(step); };
}

void StepTimer::mark(int step) {
  const auto now = std::chrono::steady_clock::now();
  if (step < 0) {
    ++invocations_;
  } else {
    seconds_[static_cast<size_t>(step)] += std::chrono::duration<double>(now - last_).count();
  }
  last_ = std::chrono::steady_clock::now();
}

}  // namespace smelt
