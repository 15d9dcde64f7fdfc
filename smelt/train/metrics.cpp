#include "smelt/train/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "smelt/train/loss_rows.h"
#include "smelt/train/named.h"
#include "smelt/train/run_tasks.h"

namespace smelt::train {
namespace {

constexpr Named<MetricKind> kNames[] = {
    {"accuracy", MetricKind::accuracy},
    {"mae", MetricKind::mae},
    {"mse", MetricKind::mse},
    {"acc", MetricKind::accuracy},
    {"mean_absolute_error", MetricKind::mae},
    {"mean_squared_error", MetricKind::mse},
};

size_t largest(std::span<const float> values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

/// What a position has to say: E values, and the target (one number where `sparse`).
struct Position {
  std::span<const float> x;
  std::span<const float> y;
  LossForm form;
  bool sparse;
};

double binary_accuracy(const Position& at) {
  const float threshold = at.form == LossForm::values ? 0.5f : 0.0f;
  double hits = 0;
  for (size_t e = 0; e < at.x.size(); ++e) hits += (at.x[e] > threshold) == (at.y[e] > 0.5f);
  return hits / static_cast<double>(at.x.size());
}

double accuracy(const Position& at, LossKind loss) {
  const bool binary = loss == LossKind::binary_crossentropy || at.x.size() == 1;
  if (binary && !at.sparse) return binary_accuracy(at);
  const size_t wanted = at.sparse ? static_cast<size_t>(at.y[0]) : largest(at.y);
  return largest(at.x) == wanted ? 1 : 0;
}

double distance(const Position& at, bool squared, std::vector<double>& p) {
  p.assign(at.x.begin(), at.x.end());
  if (at.form == LossForm::softmax_logits) softmax(at.x, 1, p);
  if (at.form == LossForm::sigmoid_logits) std::transform(p.begin(), p.end(), p.begin(), sigmoid);
  double sum = 0;
  for (size_t e = 0; e < p.size(); ++e) {
    const double y = at.sparse ? (static_cast<size_t>(at.y[0]) == e ? 1 : 0) : at.y[e];
    sum += squared ? (p[e] - y) * (p[e] - y) : std::fabs(p[e] - y);
  }
  return sum / static_cast<double>(p.size());
}

}  // namespace

MetricKind metric_kind(std::string_view name) {
  return value_of<MetricKind>(kNames, name, "metric");
}
std::string_view name(MetricKind kind) { return name_of<MetricKind>(kNames, kind); }

MetricKind usual_metric(LossKind kind) {
  return is_crossentropy(kind) ? MetricKind::accuracy : MetricKind::mae;
}

void measure(MetricKind kind, const Loss& loss, const Step& step, const Targets& targets,
             RunningMean& mean) {
  const LossKind loss_kind = loss.settings().kind;
  const bool sparse = loss_kind == LossKind::sparse_categorical_crossentropy;
  const auto width = static_cast<size_t>(loss.classes());
  const size_t target_width = sparse ? 1 : width;
  std::array<RunningMean, kPartials> parts;
  run_tasks(step, kPartials, [&](int64_t task) {
    std::vector<double> p;
    const RowRange samples = rows_of_task(step.samples, kPartials, task);
    for (int64_t row = samples.begin * loss.positions(); row < samples.end * loss.positions();
         ++row) {
      const Position at{
          .x = {loss.value()->data + row * loss.classes(), width},
          .y = targets.values.subspan(static_cast<size_t>(row) * target_width, target_width),
          .form = loss.form(),
          .sparse = sparse};
      const double found = kind == MetricKind::accuracy ? accuracy(at, loss_kind)
                                                        : distance(at, kind == MetricKind::mse, p);
      parts[static_cast<size_t>(task)].add(found, 1);
    }
  });
  for (const RunningMean& part : parts) mean.merge(part);
}

}  // namespace smelt::train
