#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/quantize/recipe.h"
#include "smelt/train/specification.h"

namespace smelt::train {
namespace {

void require(bool holds, std::string_view message) {
  if (!holds) fail(ErrorKind::bad_argument, "{}", message);
}

void check_training(const TrainingSection& training) {
  constexpr int64_t kMaxBatch = 1 << 20, kMaxEpochs = 1 << 24;
  require(training.batch >= 1 && training.batch <= kMaxBatch,
          "training.batch (--batch) is 1 to 1048576");
  require(training.epochs >= 1 && training.epochs <= kMaxEpochs,
          "training.epochs (--epochs) is 1 to 16777216");
  require(!training.learning_rate ||
              (std::isfinite(*training.learning_rate) && *training.learning_rate >= 0),
          "training.learning_rate (--learning-rate) is at least 0");
  require(training.patience >= 0, "training.patience (--patience) is at least 0");
  require(training.keep.empty() || training.keep == "best" || training.keep == "last",
          "training.keep (--keep) is best or last");
  require(training.threads >= 0 && training.threads <= 1024,
          "training.threads (--threads) is 0 to 1024");
}

void check_data(const DataSection& data) {
  require(!data.train.empty(), "name the data to train on: --data DATA, or data.train");
  require(data.validation.empty() || data.validation_split == 0,
          "--validation and --validation-split exclude each other");
  require(data.validation_split >= 0 && data.validation_split < 1,
          "data.validation_split (--validation-split) lies in [0, 1)");
  require(data.limit >= 0, "data.limit (--limit) is at least 0");
  require(data.cache_mb >= 0, "data.cache_mb is at least 0");
  require(data.workers >= 1 && data.workers <= 64, "data.workers is 1 to 64");
}

/// Whole epochs in which nothing overflows.
bool is_epochs(double value) { return value >= 0 && value <= 1e7; }

void check_times(const Specification& s) {
  require(is_epochs(s.schedule.warmup_epochs) && is_epochs(s.schedule.decay_epochs) &&
              std::all_of(s.schedule.boundaries.begin(), s.schedule.boundaries.end(), is_epochs),
          "epochs of the schedule are 0 to 1e7");
  require(is_epochs(s.prune.begin_epoch) && is_epochs(s.prune.end_epoch),
          "epochs of pruning are 0 to 1e7");
  require(s.output.checkpoint_steps >= 0, "output.checkpoint_steps is at least 0");
}

}  // namespace

void check(const Specification& s) {
  require(!s.model.source.empty(),
          "name what to train: an architecture or a model file, or model.source");
  check_data(s.data);
  check_training(s.training);
  check_times(s);
  s.augment.check();
  require(s.prune.sparsity >= 0 && s.prune.sparsity < 1, "prune.sparsity (--prune) lies in [0, 1)");
  require(s.prune.channels >= 0 && s.prune.channels < 1,
          "prune.channels (--prune-channels) lies in [0, 1)");
  require(s.prune.frequency >= 0, "prune.frequency is at least 0");
  require(s.prune.channels_multiple_of >= 1, "prune.channels_multiple_of is at least 1");
  require(s.cluster.clusters == 0 || s.cluster.clusters >= 2,
          "cluster.clusters (--cluster) is at least 2");
  require(s.cluster.begin_epoch >= 0 && s.cluster.begin_epoch <= 1e7,
          "cluster.begin_epoch is 0 to 1e7");
  require(s.cluster.kmeans_steps >= 0, "cluster.kmeans_steps is at least 0");
  require(s.output.calibration_samples >= 1 && s.qat.calibration_samples >= 1,
          "calibration takes at least one sample");
  const std::filesystem::path folder = std::filesystem::path(s.output.model).parent_path();
  require(folder.empty() || std::filesystem::is_directory(folder),
          "the folder of output.model (-o) does not exist");
  if (!s.output.quantize.empty()) scheme(s.output.quantize);
  if (s.qat.enabled) scheme(s.qat.scheme);
}

}  // namespace smelt::train
