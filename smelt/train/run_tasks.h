#pragma once

#include <functional>
#include <span>

#include "smelt/train/layer.h"

namespace smelt::train {

/// Calls body(task) for every task in [0, tasks), on the step's workers where it has some.
inline void run_tasks(const Step& step, int64_t tasks, const std::function<void(int64_t)>& body) {
  if (step.workers != nullptr) {
    step.workers->run(tasks, [&](int, int64_t task) { body(task); });
  } else {
    for (int64_t task = 0; task < tasks; ++task) body(task);
  }
}

/// grad [E] = scale * gradient, or += where losses add up.
inline void add_gradient(std::span<const double> gradient, double scale, bool add, float* grad) {
  for (size_t e = 0; e < gradient.size(); ++e) {
    const auto g = static_cast<float>(scale * gradient[e]);
    grad[e] = add ? grad[e] + g : g;
  }
}

}  // namespace smelt::train
