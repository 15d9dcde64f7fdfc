#include "smelt/train/run_folder.h"

#include <chrono>

#include "smelt/base/error.h"
#include "smelt/base/file.h"
#include "smelt/report/plot.h"

namespace smelt::train {
namespace fs = std::filesystem;
namespace {

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail(ErrorKind::io, "cannot make the folder {}: {}", path.string(), error.message());
}

PlotLine line_of(const History& history, const std::string& name) {
  PlotLine line{.title = name};
  for (const EpochMetrics& epoch : history) {
    const std::optional<double> value = epoch.find(name);
    if (!value) continue;
    line.x.push_back(static_cast<double>(epoch.epoch));
    line.y.push_back(*value);
  }
  return line;
}

}  // namespace

RunFolder::RunFolder(fs::path path, OpenRun how) : path_(std::move(path)) {
  const bool holds_run = fs::exists(specification()) || fs::exists(path_ / "checkpoints");
  if (holds_run && how == OpenRun::fresh) {
    fail(ErrorKind::bad_argument,
         "{} holds a run; go on with it (--resume), replace it (--overwrite), or give another "
         "folder",
         path_.string());
  }
  if (how == OpenRun::overwrite) {
    std::error_code ignored;
    for (const char* part : {"checkpoints", "tensorboard"}) fs::remove_all(path_ / part, ignored);
  }
  make_folder(path_);
  make_folder(path_ / "checkpoints");
}

void RunFolder::write_text(const std::string& name, const std::string& text) const {
  write_file(path_ / name, as_bytes(std::string_view(text)));
}

void RunFolder::write_history(const History& history) const {
  write_text("metrics.jsonl", to_json_lines(history));
  write_text("history.csv", to_csv(history));
  write_text("history.json", to_columns(history).dump(2) + "\n");
}

EventFile& RunFolder::events() {
  if (events_ == nullptr) {
    make_folder(path_ / "tensorboard");
    events_ = std::make_unique<EventFile>(path_ / "tensorboard", wall_seconds());
  }
  return *events_;
}

void RunFolder::add_events(const EpochMetrics& metrics) {
  events().add_scalars(metrics.epoch, wall_seconds(), metrics.values);
}

void RunFolder::add_histogram(int64_t epoch, const std::string& name,
                              std::span<const float> values) {
  events().add_histogram(epoch, wall_seconds(), name, values);
}

void RunFolder::draw_plots(const History& history) const {
  if (history.empty()) return;
  const auto draw = [&](const std::string& name, const std::vector<std::string>& metrics) {
    Plot plot{.title = name, .x_label = "epoch", .y_label = name};
    for (const std::string& metric : metrics) plot.lines.push_back(line_of(history, metric));
    draw_plot(plot, path_ / (name + ".png"));
  };
  for (const std::string name : {"loss", "accuracy", "mae", "mse"}) {
    draw(name, {name, "val_" + name});
  }
  draw("learning_rate", {"learning_rate"});
  std::vector<std::string> sparsities;
  for (const auto& [name, value] : history.back().values) {
    if (name.starts_with("sparsity/")) sparsities.push_back(name);
  }
  draw("sparsity", sparsities);
}

}  // namespace smelt::train
