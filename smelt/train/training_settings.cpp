#include "smelt/train/training_settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "smelt/base/error.h"

namespace smelt::train {
namespace {

int64_t steps_of(double epochs, const RunLength& length) {
  return std::llround(epochs * static_cast<double>(length.steps_per_epoch));
}

/// "dense*=0.8"
compress::PruneOverride parse_override(const std::string& text) {
  const size_t equals = text.rfind('=');
  double sparsity = 0;
  const char* end = text.data() + text.size();
  const auto parsed = equals == std::string::npos
                          ? std::from_chars_result{nullptr, std::errc::invalid_argument}
                          : std::from_chars(text.data() + equals + 1, end, sparsity);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    fail(ErrorKind::bad_argument, "prune.overrides: {} is not of the form LAYER=SPARSITY", text);
  }
  return {text.substr(0, equals), sparsity};
}

/// "2:4": of each 4 values 2 are zero.
void set_pattern(const std::string& text, compress::PrunePattern& pattern) {
  if (text.empty()) return;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, pattern.zeros_in_group);
  const bool colon = first.ec == std::errc() && first.ptr != end && *first.ptr == ':';
  const auto second = colon ? std::from_chars(first.ptr + 1, end, pattern.group) : first;
  if (!colon || second.ec != std::errc() || second.ptr != end) {
    fail(ErrorKind::bad_argument, "prune.pattern: {} is not of the form 2:4", text);
  }
}

/// Steps at which masks are chosen: the last of them must be a multiple of the frequency away from
/// the first, so that the final sparsity is reached.
void set_steps(const PruneSection& prune, const RunLength& length,
               compress::SparsitySchedule& schedule) {
  schedule.begin_step = steps_of(prune.begin_epoch, length);
  if (!schedule.polynomial && prune.end_epoch == 0) return;
  constexpr int64_t kUsualEnd = 3;  // leaves a third of the run to recover
  const int64_t wanted = prune.end_epoch > 0 ? steps_of(prune.end_epoch, length)
                                             : length.steps() - length.steps() / kUsualEnd;
  const int64_t span = std::max<int64_t>(wanted - schedule.begin_step, 1);
  constexpr int64_t kLeastChoices = 20;
  if (prune.frequency == 0) schedule.frequency = std::clamp<int64_t>(span / kLeastChoices, 1, 100);
  schedule.frequency = std::min(schedule.frequency, span);
  schedule.end_step = schedule.begin_step + span / schedule.frequency * schedule.frequency;
}

}  // namespace

LossSettings loss_settings(const Specification& specification, LossKind usual) {
  const TrainingSection& training = specification.training;
  LossSettings settings{.kind = training.loss.empty() ? usual : loss_kind(training.loss),
                        .label_smoothing = training.label_smoothing,
                        .huber_delta = training.huber_delta,
                        .from_logits = training.from_logits};
  settings.class_weights.assign(training.class_weights.begin(), training.class_weights.end());
  return settings;
}

OptimizerSettings optimizer_settings(const Specification& specification) {
  const OptimizerSection& from = specification.optimizer;
  return {.kind = optimizer_kind(specification.training.optimizer),
          .momentum = from.momentum,
          .nesterov = from.nesterov,
          .beta_1 = from.beta_1,
          .beta_2 = from.beta_2,
          .rho = from.rho,
          .centered = from.centered,
          .epsilon = from.epsilon,
          .weight_decay = from.weight_decay,
          .l2 = from.l2,
          .decay_kernels_only = from.decay_kernels_only,
          .clip_norm = from.clip_norm,
          .global_clip_norm = from.global_clip_norm,
          .clip_value = from.clip_value};
}

ScheduleSettings schedule_settings(const Specification& specification, const RunLength& length,
                                   std::string_view watched) {
  const ScheduleSection& from = specification.schedule;
  ScheduleSettings settings{.kind = schedule_kind(specification.training.schedule),
                            .learning_rate = specification.training.learning_rate.value(),
                            .warmup_steps = steps_of(from.warmup_epochs, length),
                            .warmup_from = from.warmup_from,
                            .decay_steps = steps_of(from.decay_epochs, length),
                            .alpha = from.alpha,
                            .decay_rate = from.decay_rate,
                            .staircase = from.staircase,
                            .values = from.values,
                            .factor = from.factor,
                            .patience = from.patience,
                            .min_delta = from.min_delta,
                            .cooldown = from.cooldown,
                            .min_learning_rate = from.min_learning_rate,
                            .direction = metric_direction(watched)};
  for (const double epochs : from.boundaries) {
    settings.boundaries.push_back(steps_of(epochs, length));
  }
  if (settings.decay_steps == 0 && settings.kind == ScheduleKind::cosine) {
    settings.decay_steps = std::max<int64_t>(length.steps() - settings.warmup_steps, 1);
  }
  return settings;
}

PruneSettings prune_settings(const PruneSection& prune, const RunLength& length) {
  if (prune.schedule != "constant" && prune.schedule != "polynomial") {
    fail(ErrorKind::bad_argument, "prune.schedule: there is no {}; there are constant, polynomial",
         prune.schedule);
  }
  if (prune.pooling != "average" && prune.pooling != "max") {
    fail(ErrorKind::bad_argument, "prune.pooling: there is no {}; there are average, max",
         prune.pooling);
  }
  PruneSettings settings{.global = prune.global, .keep = prune.keep, .depthwise = prune.depthwise};
  settings.schedule = {.polynomial = prune.schedule == "polynomial",
                       .initial_sparsity = prune.initial_sparsity,
                       .final_sparsity = prune.sparsity,
                       .power = prune.power,
                       .frequency = prune.frequency > 0 ? prune.frequency : 100};
  set_steps(prune, length, settings.schedule);
  if (!prune.block.empty()) {
    if (prune.block.size() != 2) {
      fail(ErrorKind::bad_argument, "prune.block: give rows and columns, such as 1,4");
    }
    settings.pattern.block_rows = prune.block[0];
    settings.pattern.block_cols = prune.block[1];
  }
  if (prune.pooling == "max") settings.pattern.pooling = compress::PrunePattern::Pooling::max;
  set_pattern(prune.pattern, settings.pattern);
  for (const std::string& text : prune.overrides) {
    settings.overrides.push_back(parse_override(text));
  }
  return settings;
}

compress::ChannelSettings channel_settings(const PruneSection& prune) {
  constexpr std::string_view kNorms[] = {"l1", "l2", "gamma"};
  const auto* norm = std::ranges::find(kNorms, prune.channel_norm);
  if (norm == std::end(kNorms)) {
    fail(ErrorKind::bad_argument, "prune.channel_norm: there is no {}; there are {}",
         prune.channel_norm, fmt::join(kNorms, ", "));
  }
  return {.fraction = prune.channels,
          .norm = static_cast<compress::ChannelNorm>(norm - std::begin(kNorms)),
          .multiple_of = prune.channels_multiple_of};
}

namespace {

int64_t first_clustered_step(const Specification& specification, const RunLength& length) {
  const PruneSection& prune = specification.prune;
  int64_t begin = steps_of(specification.cluster.begin_epoch, length);
  if (begin == 0 && prune.enabled() && !prune.keep) {
    const compress::SparsitySchedule schedule = prune_settings(prune, length).schedule;
    begin = std::max(schedule.begin_step, schedule.end_step) + 1;
  }
  if (begin > 0 && begin >= length.steps()) {
    fail(ErrorKind::bad_argument,
         "clustering begins at step {}, but the run has {}: give it more epochs, or end pruning "
         "earlier (prune.end_epoch)",
         begin, length.steps());
  }
  return begin;
}

}  // namespace

ClusterSettings cluster_settings(const Specification& specification, const RunLength& length) {
  const ClusterSection& cluster = specification.cluster;
  if (cluster.aggregation != "sum" && cluster.aggregation != "average") {
    fail(ErrorKind::bad_argument, "cluster.aggregation: there is no {}; there are sum, average",
         cluster.aggregation);
  }
  ClusterSettings settings{.per_channel = cluster.per_channel,
                           .aggregation = cluster.aggregation == "sum"
                                              ? GradientAggregation::sum
                                              : GradientAggregation::average,
                           .keep = cluster.keep,
                           .begin_step = first_clustered_step(specification, length),
                           .reassign = cluster.reassign,
                           .skip = cluster.skip,
                           .depthwise = cluster.depthwise};
  settings.centroids = {.clusters = cluster.clusters,
                        .init = compress::centroid_init(cluster.init),
                        .keep_zeros = cluster.keep_zeros || specification.prune.enabled(),
                        .kmeans_steps = cluster.kmeans_steps,
                        .seed = static_cast<uint64_t>(specification.training.seed)};
  return settings;
}

DistillSettings distill_settings(const DistillSection& distill) {
  DistillSettings settings{.temperature = distill.temperature,
                           .alpha = distill.alpha,
                           .feature_weight = distill.feature_weight};
  for (const std::string& pair : distill.features) {
    const size_t colon = pair.find(':');
    if (colon == std::string::npos) {
      fail(ErrorKind::bad_argument,
           "distill.features: {} is not of the form STUDENT_TENSOR:TEACHER_TENSOR", pair);
    }
    settings.features.push_back({pair.substr(0, colon), pair.substr(colon + 1)});
  }
  return settings;
}

}  // namespace smelt::train
