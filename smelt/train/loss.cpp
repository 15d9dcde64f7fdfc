#include "smelt/train/loss.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/train/loss_rows.h"
#include "smelt/train/named.h"
#include "smelt/train/run_tasks.h"

namespace smelt::train {
namespace {

constexpr Named<LossKind> kNames[] = {
    {"sparse_categorical_crossentropy", LossKind::sparse_categorical_crossentropy},
    {"categorical_crossentropy", LossKind::categorical_crossentropy},
    {"binary_crossentropy", LossKind::binary_crossentropy},
    {"mse", LossKind::mse},
    {"mae", LossKind::mae},
    {"huber", LossKind::huber},
    {"sparse_ce", LossKind::sparse_categorical_crossentropy},
    {"ce", LossKind::categorical_crossentropy},
    {"bce", LossKind::binary_crossentropy},
    {"mean_squared_error", LossKind::mse},
    {"mean_absolute_error", LossKind::mae},
    {"huber_loss", LossKind::huber},
};

bool is_sparse(LossKind kind) { return kind == LossKind::sparse_categorical_crossentropy; }

/// Target distributions and gradients of one position, used again for the next.
struct Scratch {
  std::vector<double> target, gradient;

  explicit Scratch(int64_t classes)
      : target(static_cast<size_t>(classes)), gradient(static_cast<size_t>(classes)) {}
};

/// Fills the target of a position as it is in the file, then smoothes it; returns its class.
size_t read_target(const LossSettings& settings, const float* y, std::vector<double>& target) {
  size_t at = 0;
  if (is_sparse(settings.kind)) {
    std::fill(target.begin(), target.end(), 0.0);
    at = static_cast<size_t>(*y);
    target[at] = 1;
  } else {
    std::copy_n(y, target.size(), target.begin());
    at = static_cast<size_t>(std::max_element(target.begin(), target.end()) - target.begin());
    if (target.size() == 1) at = target[0] >= 0.5 ? 1 : 0;
  }
  const double s = settings.label_smoothing;
  if (s > 0) {
    const bool binary = settings.kind == LossKind::binary_crossentropy;
    const double share = s / (binary ? 2.0 : static_cast<double>(target.size()));
    for (double& t : target) t = t * (1 - s) + share;
  }
  return at;
}

void check_classes(std::span<const float> targets, int64_t classes) {
  for (const float target : targets) {
    if (target >= 0 && target < static_cast<float>(classes) && target == std::floor(target)) {
      continue;
    }
    fail(ErrorKind::bad_argument,
         "a label is {}; class numbers of this output are 0 to {} (is the loss the right one for "
         "these labels?)",
         target, classes - 1);
  }
}

}  // namespace

LossKind loss_kind(std::string_view name) { return value_of<LossKind>(kNames, name, "loss"); }
std::string_view name(LossKind kind) { return name_of<LossKind>(kNames, kind); }

bool is_crossentropy(LossKind kind) {
  return kind == LossKind::sparse_categorical_crossentropy ||
         kind == LossKind::categorical_crossentropy || kind == LossKind::binary_crossentropy;
}

Loss::Loss(LossSettings settings, LossSource source)
    : settings_(std::move(settings)), source_(source) {
  SMELT_CHECK(source_.value != nullptr);
  const Shape& shape = source_.value->shape;
  if (shape.rank() > 1) classes_ = std::max(1, shape.back());
  positions_ = source_.value->size / classes_;
  const LossSettings& s = settings_;
  if (!(s.label_smoothing >= 0 && s.label_smoothing < 1)) {
    fail(ErrorKind::bad_argument, "label smoothing is {}; it must be in [0, 1)", s.label_smoothing);
  }
  if (s.label_smoothing > 0 && !is_crossentropy(s.kind)) {
    fail(ErrorKind::bad_argument, "label smoothing goes with crossentropies, not with {}",
         name(s.kind));
  }
  if (!(s.huber_delta > 0)) {
    fail(ErrorKind::bad_argument, "huber: delta is {}; it must be > 0", s.huber_delta);
  }
  if (is_sparse(s.kind) && classes_ < 2) {
    fail(ErrorKind::bad_argument,
         "output '{}' of shape {} has a single score: binary_crossentropy goes with it",
         source_.value->name, to_string(shape));
  }
  if (s.class_weights.empty()) return;
  const int64_t wanted = std::max<int64_t>(2, classes_);
  if (!is_crossentropy(s.kind) || static_cast<int64_t>(s.class_weights.size()) != wanted) {
    fail(ErrorKind::bad_argument,
         "{} class weights for {} over output '{}' of shape {}; crossentropies take one for each "
         "of {} classes",
         s.class_weights.size(), name(s.kind), source_.value->name, to_string(shape), wanted);
  }
}

int64_t Loss::target_size() const {
  return is_sparse(settings_.kind) ? positions_ : positions_ * classes_;
}

double Loss::run(const Step& step, const Targets& targets, LossGradient gradient,
                 double factor) const {
  const int64_t target_row = is_sparse(settings_.kind) ? 1 : classes_;
  const auto wanted = static_cast<size_t>(step.samples * target_size());
  if (targets.values.size() < wanted ||
      (!targets.sample_weights.empty() &&
       targets.sample_weights.size() < static_cast<size_t>(step.samples))) {
    fail(ErrorKind::bad_argument,
         "{} samples of output '{}' of shape {} need {} target values for {}; there are {}",
         step.samples, value()->name, to_string(value()->shape), wanted, name(settings_.kind),
         targets.values.size());
  }
  if (is_sparse(settings_.kind)) check_classes(targets.values.first(wanted), classes_);

  const auto positions = static_cast<double>(step.samples * positions_);
  const auto width = static_cast<size_t>(classes_);
  std::array<double, kPartials> sums{};
  run_tasks(step, kPartials, [&](int64_t task) {
    Scratch scratch(classes_);
    const RowRange samples = rows_of_task(step.samples, kPartials, task);
    for (int64_t row = samples.begin * positions_; row < samples.end * positions_; ++row) {
      const size_t at =
          read_target(settings_, targets.values.data() + row * target_row, scratch.target);
      const std::span<const float> x(value()->data + row * classes_, width);
      double weight = 1;
      if (!targets.sample_weights.empty()) {
        weight = targets.sample_weights[static_cast<size_t>(row / positions_)];
      }
      if (!settings_.class_weights.empty()) weight *= settings_.class_weights[at];
      sums[static_cast<size_t>(task)] +=
          weight * loss_row(settings_, form(), {x, scratch.target, scratch.gradient});
      if (gradient == LossGradient::none) continue;
      const double scale = factor * weight / positions;
      add_gradient(scratch.gradient, scale, gradient == LossGradient::add,
                   value()->grad + row * classes_);
    }
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return step.samples > 0 ? sum / positions : 0;
}

LossResult run_losses(std::span<const OutputLoss> losses, const Step& step,
                      std::span<const Targets> targets, LossGradient gradient, double factor) {
  SMELT_CHECK(losses.size() == targets.size());
  LossResult result;
  for (size_t i = 0; i < losses.size(); ++i) {
    const OutputLoss& output = losses[i];
    result.outputs.push_back(output.loss.run(step, targets[i], gradient, factor * output.weight));
    result.total += output.weight * result.outputs.back();
  }
  return result;
}

}  // namespace smelt::train
