#include "smelt/report/table.h"
#include "smelt/train/training.h"
#include "train_options.h"

namespace smelt::cli {
namespace {

using train::EpochMetrics;
using train::TrainingReport;

/// "epoch 3/10  loss 0.4123  accuracy 0.8610  val_loss ...".
std::string epoch_line(const EpochMetrics& epoch, int64_t epochs, bool best) {
  std::string line =
      fmt::format("epoch {:>{}}/{}", epoch.epoch, fmt::formatted_size("{}", epochs), epochs);
  for (const auto& [name, value] : epoch.values) {
    if (name.find('/') != std::string::npos || name == "seconds" || name == "learning_rate") {
      continue;
    }
    line += name == "samples_per_second" ? fmt::format("  {:.0f} samples/s", value)
                                         : fmt::format("  {} {:.4f}", name, value);
  }
  if (const auto sparsity = epoch.find("sparsity/all")) {
    line += fmt::format("  sparsity {:.3f}", *sparsity);
  }
  return line + (best ? "  *\n" : "\n");
}

std::string models_table(const TrainingReport& report) {
  Table table({"file", "scheme", "bytes", "gzip", "zeros", "accuracy", "loss"});
  for (const train::WrittenModel& model : report.models) {
    const bool measured = model.evaluation.has_value();
    const auto& evaluation = model.evaluation;
    table.add({model.path, model.scheme, format_count(model.bytes), format_count(model.gzip_bytes),
               format_percent(model.kernels.sparsity()),
               measured && evaluation->accuracy ? format_percent(*evaluation->accuracy) : "-",
               measured && evaluation->loss ? fmt::format("{:.4f}", *evaluation->loss) : "-"});
  }
  return report.models.empty() ? "" : table.text(terminal_width());
}

std::string stage_of(const train::TrainingProgress& at) {
  return at.validating ? "validating"
                       : fmt::format("epoch {}/{}, loss {:.4f},", at.epoch, at.epochs, at.loss);
}

int run_train(const TrainCommand& options, Terminal& terminal) {
  const train::Specification specification = specification_of(options);
  const Progress bar = terminal.progress();
  const train::TrainingCallbacks callbacks{
      .note = [&](const std::string& line) { terminal.print("{}\n", line); },
      .warn = [&](const std::string& line) { terminal.print("warning: {}\n", line); },
      .progress =
          [&](const train::TrainingProgress& at) {
            return terminal.training(stage_of(at), at.samples, at.epoch_samples,
                                     at.samples_per_second, at.seconds_left);
          },
      .epoch =
          [&](const EpochMetrics& epoch, bool best) {
            terminal.print("{}", epoch_line(epoch, specification.training.epochs, best));
          },
      .stage = bar};
  const train::OpenRun open = options.resume      ? train::OpenRun::resume
                              : options.overwrite ? train::OpenRun::overwrite
                                                  : train::OpenRun::fresh;
  const TrainingReport report =
      train::run_training(specification, {.open = open, .version = SMELT_VERSION}, callbacks);
  const train::TrainResult& result = report.result;
  terminal.print("{} steps in {:.1f} s, {:.0f} samples/s{}\n", result.steps,
                 result.training_seconds, result.samples_per_second,
                 result.stopped_early ? "; stopped early" : "");
  terminal.print("{}", models_table(report));
  write_json(options.common, to_json(report));
  if (!result.interrupted) return kDone;
  terminal.print("interrupted{}\n",
                 specification.output.run.empty()
                     ? ""
                     : "; go on with --resume --run " + specification.output.run);
  return kFailed;
}

}  // namespace

void add_train(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<TrainCommand>();
  CLI::App& command = *app.add_subcommand(
      "train", "Train a model, or a built-in architecture from scratch, on a data set");
  add_train_options(command, *options);
  on_chosen(command, options, chosen, run_train);
}

}  // namespace smelt::cli
