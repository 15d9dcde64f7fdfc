#include "smelt/train/layers/parts.h"

#include <algorithm>

namespace smelt::train {
namespace {

/// Enough work to be worth handing to another thread.
constexpr int64_t kElementsPerTask = 8192;

void run_tasks(const Step& step, int64_t tasks, const std::function<void(int, int64_t)>& body) {
  if (step.workers != nullptr) return step.workers->run(tasks, body);
  for (int64_t task = 0; task < tasks; ++task) body(0, task);
}

}  // namespace

void for_elements(const Step& step, int64_t count,
                  const std::function<void(int64_t, int64_t)>& body) {
  const int64_t tasks = (count + kElementsPerTask - 1) / kElementsPerTask;
  run_tasks(step, tasks, [&](int, int64_t task) {
    body(task * kElementsPerTask, std::min(count, (task + 1) * kElementsPerTask));
  });
}

void for_parts(const Step& step, const std::function<void(int64_t, int64_t, int64_t)>& body) {
  run_tasks(step, kPartials, [&](int, int64_t part) {
    const RowRange samples = rows_of_task(step.samples, kPartials, part);
    body(part, samples.begin, samples.end);
  });
}

void for_samples(const Step& step, const std::function<void(int64_t)>& body) {
  run_tasks(step, step.samples, [&](int, int64_t n) { body(n); });
}

GradientSum::GradientSum(Operand operand) : operand_(operand) {
  if (wanted() && operand_.shared()) {
    partials_.resize(static_cast<size_t>(kPartials * operand_.size()));
  }
}

void GradientSum::begin(int64_t part, int64_t first, int64_t last) {
  if (!wanted()) return;
  if (operand_.shared()) {
    std::fill_n(partial(part), operand_.size(), 0.0f);
  } else if (!operand_.accumulate && last > first) {
    std::fill_n(operand_.value->sample_grad(first), (last - first) * operand_.size(), 0.0f);
  }
}

void GradientSum::finish(const Step& step) {
  if (!wanted() || !operand_.shared()) return;
  const int64_t size = operand_.size();
  for_elements(step, size, [&](int64_t first, int64_t last) {
    write_gradient(operand_, first, last, [&](int64_t i) {
      float sum = partials_[static_cast<size_t>(i)];
      for (int64_t p = 1; p < kPartials; ++p) sum += partials_[static_cast<size_t>(p * size + i)];
      return sum;
    });
  });
}

void refuse(const LayerArguments& arguments, std::string_view why) {
  fail(ErrorKind::unsupported, "{}: {}", arguments.name, why);
}

}  // namespace smelt::train
