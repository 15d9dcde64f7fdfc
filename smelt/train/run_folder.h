#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "smelt/report/tensorboard.h"
#include "smelt/train/history.h"

namespace smelt::train {

enum class OpenRun {
  fresh,      ///< the folder must not hold a run yet
  overwrite,  ///< an earlier run goes away
  resume,     ///< goes on with what the folder holds
};

/// The folder of a training run:
///   specification.toml        all settings
///   metrics.jsonl             a line for each epoch
///   history.csv, history.json the same as columns
///   checkpoints/last.ckpt     where --resume goes on
///   checkpoints/best.ckpt     parameters of the best epoch
///   tensorboard/              event files
///   loss.png, ...             plots
///   model.tflite, model_int8.tflite ...
/// Every file appears whole or not at all.
class RunFolder {
 public:
  /// Makes the folder. bad_argument, with the cure, where it holds a run that `how` would
  /// overwrite; io where it cannot be made.
  RunFolder(std::filesystem::path path, OpenRun how);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path last_checkpoint() const { return path_ / "checkpoints" / "last.ckpt"; }
  std::filesystem::path best_checkpoint() const { return path_ / "checkpoints" / "best.ckpt"; }
  std::filesystem::path specification() const { return path_ / "specification.toml"; }

  void write_text(const std::string& name, const std::string& text) const;
  void write_history(const History& history) const;

  /// The last epoch's metrics, one event. Begins an event file at the first call.
  void add_events(const EpochMetrics& metrics);
  /// The distribution of a parameter's values.
  void add_histogram(int64_t epoch, const std::string& name, std::span<const float> values);

  /// loss.png, accuracy.png, learning_rate.png, and sparsity.png where there is any; io where
  /// gnuplot is missing.
  void draw_plots(const History& history) const;

 private:
  EventFile& events();

  std::filesystem::path path_;
  std::unique_ptr<EventFile> events_;
};

}  // namespace smelt::train
