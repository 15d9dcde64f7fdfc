#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "smelt/base/progress.h"
#include "smelt/compress/statistics.h"
#include "smelt/eval/evaluate.h"
#include "smelt/train/run_folder.h"
#include "smelt/train/specification.h"
#include "smelt/train/trainer.h"

namespace smelt::train {

/// What a run tells while it goes; each may be empty.
struct TrainingCallbacks {
  /// Before the first step: how many parameters there are, what the data is ...
  std::function<void(const std::string& line)> note;
  std::function<void(const std::string& line)> warn;
  std::function<bool(const TrainingProgress&)> progress;  ///< false ends training behind the step
  std::function<void(const EpochMetrics&, bool best)> epoch;
  Progress stage;  ///< calibration and evaluation
};

/// A .tflite that a run wrote, measured as it lies there.
struct WrittenModel {
  std::string path;
  std::string scheme;  ///< "float32" or that of --quantize
  int64_t bytes = 0;
  int64_t gzip_bytes = 0;
  compress::KernelStatistics kernels;    ///< of all kernels together
  std::optional<Evaluation> evaluation;  ///< on the test data, or else the validation data
};

struct TrainingReport {
  Specification specification;  ///< resolved
  std::string version;
  TrainResult result;
  int64_t parameters = 0;  ///< as Keras counts them, moving statistics among them
  int64_t trainable_parameters = 0;
  Keep keep = Keep::last;
  std::vector<WrittenModel> models;
};

struct TrainingRun {
  OpenRun open = OpenRun::fresh;
  std::string version;  ///< of the program, for the specification's heading
};

/// Does what the specification says: opens data and model, trains, writes the run folder and the
/// models, and measures these. Where it is interrupted, a checkpoint is written (if there is a
/// folder) and no model. With OpenRun::resume it goes on at the folder's last checkpoint; the
/// result has the same bytes as without the interruption. bad_argument where settings contradict
/// each other, the data or the model; other errors are those of the parts.
TrainingReport run_training(Specification specification, const TrainingRun& run,
                            const TrainingCallbacks& callbacks);

/// The keys are a contract with scripts elsewhere, docs/JSON.md lists them.
nlohmann::ordered_json to_json(const TrainingReport& report);

}  // namespace smelt::train
