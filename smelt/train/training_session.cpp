#include <algorithm>

#include "smelt/base/parallel.h"
#include "smelt/compress/pruning.h"
#include "smelt/formats/formats.h"
#include "smelt/train/answers.h"
#include "smelt/train/training_parts.h"

namespace smelt::train {
namespace {

/// Whether one of the globs fits a parameter or its layer.
bool is_frozen(const std::vector<std::string>& globs, const Parameter& parameter) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return compress::fits_glob(glob, parameter.name) || compress::fits_glob(glob, parameter.layer);
  });
}

void require_fit(const std::vector<std::string>& globs, const Module& module) {
  const std::vector<Parameter*> parameters = module.parameters();
  for (const std::string& glob : globs) {
    const bool fits = std::any_of(parameters.begin(), parameters.end(),
                                  [&](const Parameter* p) { return is_frozen({glob}, *p); });
    if (!fits) {
      fail(ErrorKind::bad_argument, "--freeze {}: no layer or parameter has such a name", glob);
    }
  }
}

std::unique_ptr<Module> make_module(const Model& model, const Specification& specification,
                                    const QuantizationAware* qat, int threads) {
  const std::vector<std::string> globs = specification.model.freeze;
  ModuleOptions options{.max_samples = specification.training.batch, .threads = threads};
  if (!globs.empty()) {
    options.frozen = [globs](const Parameter& parameter) { return is_frozen(globs, parameter); };
  }
  if (qat != nullptr) options.quantization = &qat->map();
  options.features = student_features(model, distill_settings(specification.distill));
  auto module = std::make_unique<Module>(model, options);
  require_fit(globs, *module);
  return module;
}

QuantizeOptions qat_options(const Specification& specification) {
  return {.calibrate = {.samples = specification.qat.calibration_samples,
                        .seed = static_cast<uint64_t>(specification.training.seed),
                        .threads = specification.training.threads},
          .recipe = scheme(specification.qat.scheme)};
}

/// Accuracy where there is one, else the loss; of the validation where there is one.
std::string usual_monitor(MetricKind metric, bool validates) {
  const std::string name = metric == MetricKind::accuracy ? "accuracy" : "loss";
  return validates ? "val_" + name : name;
}

}  // namespace

TrainingSession::TrainingSession(const Model& model, const TrainingData& data,
                                 Specification& specification)
    : model_(model) {
  const TrainingSection& training = specification.training;
  const int threads = training.threads > 0 ? training.threads : available_threads();
  workers_ = std::make_unique<Workers>(threads);
  const int64_t samples = data.train->size();
  length_ = {.steps_per_epoch = (samples + training.batch - 1) / training.batch,
             .epochs = training.epochs};
  if (specification.qat.enabled) {
    qat_ = std::make_unique<QuantizationAware>(model, data.train, qat_options(specification));
  }
  module_ = make_module(model, specification, qat_.get(), threads);
  make_loss(data, specification);
  add_constraints(specification);
  make_optimizer(specification);
  if (!specification.distill.teacher.empty()) {
    const Model teacher = load(specification.distill.teacher);
    distillation_ = std::make_unique<Distillation>(
        model, *module_, losses_, teacher, distill_settings(specification.distill),
        ModuleOptions{.max_samples = training.batch, .threads = threads});
  }
}

void TrainingSession::make_loss(const TrainingData& data, Specification& specification) {
  TrainingSection& training = specification.training;
  LossSettings settings =
      loss_settings(specification, usual_loss(*data.train, *module_->outputs().at(0)));
  training.loss = name(settings.kind);
  const LossSource source = loss_source(*module_, model_.main(), 0, settings);
  losses_.push_back({.loss = Loss(settings, source)});
  settings.class_weights.clear();
  validation_loss_ = std::make_unique<Loss>(settings, source);
  metric_ = usual_metric(settings.kind);
  if (training.monitor.empty()) {
    training.monitor = usual_monitor(metric_, data.validation != nullptr);
  }
  if (training.keep.empty()) {
    // The best epoch of a compressed model may lie before its compression.
    const bool compressed = specification.prune.enabled() || specification.cluster.clusters > 0;
    training.keep = data.validation != nullptr && !compressed ? "best" : "last";
  }
}

void TrainingSession::make_optimizer(Specification& specification) {
  const OptimizerSettings settings = optimizer_settings(specification);
  TrainingSection& training = specification.training;
  if (!training.learning_rate) training.learning_rate = default_learning_rate(settings.kind);
  std::vector<Parameter*> parameters = module_->parameters();
  if (clustering_ != nullptr) parameters = clustering_->trained(parameters);
  optimizer_ = std::make_unique<Optimizer>(settings, parameters);
  schedule_ =
      std::make_unique<Schedule>(schedule_settings(specification, length_, training.monitor));
}

void TrainingSession::add_constraints(const Specification& specification) {
  const auto add = [&](std::string name, std::unique_ptr<Constraint> constraint) {
    constraints_.push_back({std::move(name), constraint.get()});
    owned_.push_back(std::move(constraint));
  };
  const Graph& graph = model_.main();
  if (specification.prune.enabled()) {
    add("prune", std::make_unique<Pruning>(graph, module_->parameters(),
                                           prune_settings(specification.prune, length_)));
  }
  if (specification.cluster.clusters > 0) {
    auto clustering = std::make_unique<Clustering>(
        graph, module_->parameters(), cluster_settings(specification, length_), workers_.get());
    clustering_ = clustering.get();
    add("cluster", std::move(clustering));
  }
}

TrainerParts TrainingSession::parts() {
  return {.model = model_,
          .module = *module_,
          .loss = losses_[0].loss,
          .validation_loss = *validation_loss_,
          .metric = metric_,
          .optimizer = *optimizer_,
          .schedule = *schedule_,
          .workers = *workers_,
          .constraints = constraints_,
          .distillation = distillation_.get()};
}

TrainerOptions TrainingSession::options(const TrainingData& data,
                                        const Specification& specification) const {
  const TrainingSection& training = specification.training;
  const auto seed = static_cast<uint64_t>(training.seed);
  TrainerOptions options{.train = data.train,
                         .validation = data.validation,
                         .epochs = training.epochs,
                         .seed = seed,
                         .monitor = training.monitor,
                         .stops_early = training.patience > 0,
                         .keep = training.keep == "best" ? Keep::best : Keep::last,
                         .checkpoint_steps = specification.output.checkpoint_steps};
  options.stopping = {.patience = training.patience,
                      .min_delta = training.min_delta,
                      .direction = metric_direction(training.monitor)};
  options.batches = {.batch = training.batch,
                     .augment = specification.augment,
                     .seed = seed,
                     .workers = specification.data.workers,
                     .cache_bytes = int64_t{specification.data.cache_mb} << 20};
  if (qat_ != nullptr) {
    const QatSection qat = specification.qat;
    const auto epochs = static_cast<double>(training.epochs);
    options.before_epoch = [this, qat, epochs](int64_t epoch, bool begins) {
      const auto now = static_cast<double>(epoch);
      if (begins && epoch > 0 && now < qat.calibrate * epochs) {
        qat_->recalibrate(module_->write_back(model_));
      }
      module_->freeze_norms(epoch > 0 && now >= qat.freeze_norms * epochs);
    };
  }
  if (!specification.augment.empty()) options.batches.limits = value_limits(*data.train);
  return options;
}

}  // namespace smelt::train
