#include "smelt/train/trainer.h"

#include <cmath>

#include "smelt/train/answers.h"
#include "smelt/train/divergence.h"
#include "smelt/train/trainer_state.h"

namespace smelt::train {
namespace {

/// What sets the random numbers of a step apart from those of the data.
constexpr uint64_t kStepStream = 2;

std::unique_ptr<BatchStream> validation_stream(const TrainerOptions& options) {
  if (options.validation == nullptr) return nullptr;
  return std::make_unique<BatchStream>(
      options.validation, BatchOptions{.batch = options.batches.batch,
                                       .shuffle = false,
                                       .cache_bytes = options.batches.cache_bytes / 4});
}

}  // namespace

Trainer::State::State(const TrainerParts& given_parts, TrainerOptions given_options)
    : parts(given_parts),
      options(std::move(given_options)),
      stopping(options.stopping),
      validation(validation_stream(options)) {
  check_answers(*options.train, parts.loss);
  if (options.validation) check_answers(*options.validation, parts.loss);
}

Step Trainer::State::load(const Batch& from, bool training) {
  const std::vector<Value*>& inputs = parts.module.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::copy(from.inputs[i].begin(), from.inputs[i].end(), inputs[i]->data);
  }
  return {.samples = from.samples,
          .training = training,
          .seed = mix_seed(options.seed, kStepStream, static_cast<uint64_t>(step)),
          .workers = &parts.workers};
}

void Trainer::State::require_finite(double loss, int64_t samples) const {
  if (std::isfinite(loss)) return;
  const std::string where = first_not_finite(parts.model, parts.module, samples);
  fail(
      ErrorKind::bad_argument,
      "training diverged in epoch {}, step {}: the loss is {}{}; a lower learning rate or gradient "
      "clipping (optimizer.global_clip_norm) may help",
      epoch + 1, step + 1, loss, where.empty() ? "" : " because " + where);
}

void Trainer::State::train_step(const Batch& from) {
  for (const NamedConstraint& each : parts.constraints) each.constraint->before_forward(step);
  const Step pass = load(from, true);
  parts.module.forward(pass);
  const Targets targets{.values = answers(from, parts.loss, scratch)};
  double loss = 0;
  std::vector<Value*> seeds{parts.loss.value()};
  if (parts.distillation == nullptr) {
    loss = parts.loss.run(pass, targets, LossGradient::write);
  } else {
    Distillation& teacher = *parts.distillation;
    teacher.run_teacher(pass);
    loss = teacher.alpha() * parts.loss.run(pass, targets, LossGradient::write, teacher.alpha());
    loss += teacher.run(pass, LossGradient::add);
    for (Value* seed : teacher.seeds()) seeds.push_back(seed);
  }
  require_finite(loss, from.samples);
  means.loss.add(loss, static_cast<double>(from.samples));
  measure(parts.metric, parts.loss, pass, targets, means.metric);
  parts.module.backward(pass, seeds);
  for (const NamedConstraint& each : parts.constraints) each.constraint->after_backward(step);
  parts.optimizer.step(parts.workers, parts.schedule.rate(step));
  for (const NamedConstraint& each : parts.constraints) each.constraint->after_update(step);
  ++step;
}

bool Trainer::State::report(bool validating, int64_t samples, const Means& so_far) {
  if (!options.progress) return true;
  const int64_t per_epoch = options.train->size();
  const double rate =
      training_seconds > 0 ? static_cast<double>(trained_samples) / training_seconds : 0;
  const int64_t left = (options.epochs - epoch) * per_epoch - epoch_samples;
  return options.progress({.validating = validating,
                           .epoch = epoch + 1,
                           .epochs = options.epochs,
                           .samples = samples,
                           .epoch_samples = validating ? options.validation->size() : per_epoch,
                           .loss = so_far.loss.value(),
                           .metric = so_far.metric.value(),
                           .samples_per_second = rate,
                           .seconds_left = rate > 0 ? static_cast<double>(left) / rate : 0});
}

/// False where it was interrupted; a checkpoint then lies behind the last step.
bool Trainer::State::train_epoch() {
  const int64_t count = batches->batches_per_epoch();
  while (batch < count) {
    const Stopwatch watch;
    const Batch& next = batches->next();
    train_step(next);
    const double seconds = watch.seconds();
    training_seconds += seconds;
    epoch_seconds += seconds;
    trained_samples += next.samples;
    epoch_samples += next.samples;
    ++batch;
    const bool goes_on = report(false, epoch_samples, means);
    const bool due = options.checkpoint_steps > 0 && step % options.checkpoint_steps == 0;
    if (options.checkpoint && (!goes_on || due)) options.checkpoint();
    if (!goes_on) return false;
  }
  return true;
}

void Trainer::State::validate(EpochMetrics& metrics) {
  if (validation == nullptr) return;
  Means found;
  int64_t samples = 0;
  for (int64_t i = 0; i < validation->batches_per_epoch(); ++i) {
    const Batch& next = validation->next();
    const Step pass = load(next, false);
    parts.module.forward(pass);
    const Targets targets{.values = answers(next, parts.validation_loss, scratch)};
    found.loss.add(parts.validation_loss.run(pass, targets, LossGradient::none),
                   static_cast<double>(next.samples));
    measure(parts.metric, parts.validation_loss, pass, targets, found.metric);
    samples += next.samples;
    // An interruption is heard behind the next training step: half a validation is worth nothing.
    report(true, samples, found);
  }
  metrics.set("val_loss", found.loss.value());
  metrics.set(fmt::format("val_{}", name(parts.metric)), found.metric.value());
}

void Trainer::State::end_epoch(double seconds) {
  if (const Parameter* broken = first_broken_parameter(parts.module)) {
    fail(ErrorKind::bad_argument,
         "training diverged in epoch {}: {} (layer {}) is not finite any more; a lower learning "
         "rate or gradient clipping (optimizer.global_clip_norm) may help",
         epoch + 1, broken->name, broken->layer);
  }
  EpochMetrics metrics{.epoch = epoch + 1};
  metrics.set("loss", means.loss.value());
  metrics.set(std::string(name(parts.metric)), means.metric.value());
  validate(metrics);
  metrics.set("learning_rate", parts.schedule.rate(step - 1));
  metrics.set("seconds", seconds);
  metrics.set("samples_per_second",
              epoch_seconds > 0 ? static_cast<double>(epoch_samples) / epoch_seconds : 0);
  for (const NamedConstraint& each : parts.constraints) {
    each.constraint->report(
        [&](const std::string& what, double value) { metrics.set(what, value); });
  }
  for (const Parameter* parameter : parts.module.parameters()) {
    if (parameter->kind != ParameterKind::range || parameter->data.size() != 2) continue;
    metrics.set(parameter->name + "/low", parameter->data[0]);
    metrics.set(parameter->name + "/high", parameter->data[1]);
  }
  const double watched = metrics.find(options.monitor).value_or(means.loss.value());
  parts.schedule.end_epoch(watched);
  const EarlyStopping::Verdict verdict = stopping.end_epoch(epoch, watched);
  if (verdict.improved) {
    best.take(parts.module);
    has_best = true;
  }
  stopped_early = options.stops_early && verdict.stop;
  history.push_back(std::move(metrics));
  ++epoch;
  batch = 0;
  means = {};
  epoch_samples = 0;
  epoch_seconds = 0;
  if (options.after_epoch) options.after_epoch(history, verdict.improved);
  if (options.checkpoint) options.checkpoint();
}

Trainer::Trainer(const TrainerParts& parts, TrainerOptions options)
    : state_(std::make_unique<State>(parts, std::move(options))) {}
Trainer::~Trainer() = default;

TrainResult Trainer::run() {
  State& s = *state_;
  const Stopwatch all;
  TrainResult result;
  s.trained_samples = 0;
  s.training_seconds = 0;
  BatchOptions batches = s.options.batches;
  const int64_t per_epoch =
      (s.options.train->size() + batches.batch - 1) / std::max<int64_t>(batches.batch, 1);
  batches.first_batch = s.epoch * per_epoch + s.batch;
  if (s.epoch < s.options.epochs && !s.stopped_early) {
    s.batches = std::make_unique<BatchStream>(s.options.train, batches);
  }
  while (s.epoch < s.options.epochs && !s.stopped_early && !result.interrupted) {
    const Stopwatch watch;
    if (s.options.before_epoch) s.options.before_epoch(s.epoch, s.batch == 0);
    if (s.train_epoch()) {
      s.end_epoch(watch.seconds());
    } else {
      result.interrupted = true;
    }
  }
  s.batches.reset();
  if (s.options.keep == Keep::best && s.has_best && !result.interrupted) {
    s.best.restore(s.parts.module);
  }
  result.history = s.history;
  result.steps = s.step;
  result.stopped_early = s.stopped_early;
  result.best_epoch = s.stopping.best_epoch() + 1;
  result.training_seconds = s.training_seconds;
  result.samples_per_second =
      s.training_seconds > 0 ? static_cast<double>(s.trained_samples) / s.training_seconds : 0;
  result.seconds = all.seconds();
  return result;
}

}  // namespace smelt::train
