#include "smelt/train/training.h"

#include "smelt/train/training_parts.h"

namespace smelt::train {
namespace {

void note(const std::function<void(const std::string&)>& callback, const std::string& line) {
  if (callback) callback(line);
}

/// The settings that a resumed run must share with its beginning, as text.
std::string binding_settings(Specification specification) {
  specification.output = {};
  specification.training.epochs = 0;
  specification.training.threads = 0;
  specification.training.patience = 0;
  specification.data.workers = 1;
  specification.data.cache_mb = 0;
  specification.data.test.clear();
  return to_toml(specification);
}

/// The first line that is in one text and not, at this place, in the other.
std::string first_difference(const std::string& now, const std::string& before) {
  size_t line = 0;
  for (size_t i = 0; i < now.size() && i < before.size() && now[i] == before[i]; ++i) {
    if (now[i] == '\n') line = i + 1;
  }
  const auto at = [&](const std::string& text) {
    return text.substr(line, text.find('\n', line) - line);
  };
  return fmt::format("it was '{}' and is '{}'", at(before), at(now));
}

void restore(Trainer& trainer, const RunFolder& folder, const Specification& specification,
             const TrainingCallbacks& callbacks) {
  const std::filesystem::path path = folder.last_checkpoint();
  if (!std::filesystem::exists(path)) {
    note(callbacks.warn, fmt::format("{} has no checkpoint yet; training starts at the beginning",
                                     folder.path().string()));
    return;
  }
  const Checkpoint checkpoint = load_checkpoint(path);
  const auto found = checkpoint.texts.find("settings");
  if (found == checkpoint.texts.end()) {
    fail(ErrorKind::bad_file, "checkpoint {}: it has no settings", path.string());
  }
  const std::string settings = binding_settings(specification);
  if (settings != found->second) {
    fail(ErrorKind::bad_argument, "{} cannot go on with other settings: {}", folder.path().string(),
         first_difference(settings, found->second));
  }
  trainer.restore(checkpoint, path.string());
}

void save(Trainer& trainer, const RunFolder& folder, const Specification& specification) {
  Checkpoint checkpoint;
  checkpoint.texts["settings"] = binding_settings(specification);
  trainer.save(checkpoint);
  save_checkpoint(checkpoint, folder.last_checkpoint());
}

void save_best(Module& module, const RunFolder& folder) {
  Checkpoint checkpoint;
  const StateVisitor visit = saver(checkpoint);
  for (Parameter* each : module.parameters()) visit("parameters/" + each->name, each->data);
  for (Statistic* each : module.statistics()) visit("statistics/" + each->name, each->data);
  save_checkpoint(checkpoint, folder.best_checkpoint());
}

void draw_plots(const RunFolder& folder, const History& history,
                const TrainingCallbacks& callbacks) {
  try {
    folder.draw_plots(history);
  } catch (const Error& error) {
    note(callbacks.warn, fmt::format("no plots: {}", error.what()));
  }
}

std::string describe_run(const TrainingReport& report, const TrainingData& data) {
  std::string text =
      fmt::format("{}: {} parameters, {} of them trained, on {}", report.specification.model.source,
                  report.parameters, report.trainable_parameters, data.train->description());
  if (data.validation) text += fmt::format("; validated on {}", data.validation->size());
  return text;
}

}  // namespace

TrainingReport run_training(Specification specification, const TrainingRun& run,
                            const TrainingCallbacks& callbacks) {
  check(specification);
  const TrainingData data =
      open_training_data(specification.data, static_cast<uint64_t>(specification.training.seed));
  const Model model = open_training_model(specification, data);
  TrainingSession session(model, data, specification);
  TrainingReport report{.version = run.version};
  for (const Parameter* each : session.module().parameters()) {
    report.parameters += each->size();
    if (each->trainable) report.trainable_parameters += each->size();
  }
  for (const Statistic* each : session.module().statistics()) {
    report.parameters += static_cast<int64_t>(each->data.size());
  }

  std::optional<RunFolder> folder;
  TrainerOptions options = session.options(data, specification);
  std::unique_ptr<Trainer> trainer;
  options.progress = callbacks.progress;
  if (!specification.output.run.empty()) {
    folder.emplace(specification.output.run, run.open);
    folder->write_text("specification.toml", to_toml(specification, "smelt train " + run.version));
    options.checkpoint = [&] { save(*trainer, *folder, specification); };
  }
  options.after_epoch = [&](const History& history, bool best) {
    if (folder) folder->write_history(history);
    if (folder && specification.output.tensorboard) folder->add_events(history.back());
    if (folder && specification.output.histograms) {
      for (const Parameter* each : session.module().parameters()) {
        folder->add_histogram(history.back().epoch, each->name, each->data);
      }
    }
    if (folder && best) save_best(session.module(), *folder);
    if (callbacks.epoch) callbacks.epoch(history.back(), best);
  };
  report.keep = options.keep;
  trainer = std::make_unique<Trainer>(session.parts(), options);
  if (folder && run.open == OpenRun::resume) restore(*trainer, *folder, specification, callbacks);
  report.specification = specification;
  note(callbacks.note, describe_run(report, data));

  report.result = trainer->run();
  if (folder && specification.output.plots) draw_plots(*folder, report.result.history, callbacks);
  if (!report.result.interrupted) {
    report.models = write_models(session.module().write_back(model), data, specification,
                                 session.qat(), callbacks);
  }
  return report;
}

}  // namespace smelt::train
