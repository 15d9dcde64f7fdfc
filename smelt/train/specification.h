#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/data/open_dataset.h"
#include "smelt/train/augment.h"

namespace smelt::train {

// All settings of a training run, a struct for each section of the TOML file. What is left empty
// (or, where it says so, 0) is chosen when the run starts, and the resolved specification says
// what it became. docs/TRAINING.md explains the keys.

struct ModelSection {
  std::string source;  ///< an architecture's name or a model file
  std::string input;   ///< "32x32x3"; empty: as the data has it
  int classes = 0;     ///< 0: as the data has them
  double width = 1;    ///< of architectures, see ArchitectureOptions
  std::vector<int> strides;
  std::vector<int> units;
  std::optional<double> dropout;
  std::string cut;                  ///< layer behind which a new head replaces what the file has
  std::vector<std::string> freeze;  ///< globs over layers and parameters that stay as they are
};

struct DataSection {
  std::string train;
  std::string validation;
  double validation_split = 0;  ///< share of `train` that is held out
  std::string test;             ///< what the written files are measured on; empty: validation
  DatasetText preprocessing;
  int64_t limit = 0;    ///< only so many samples of `train`, every class its share; 0: all
  int cache_mb = 1024;  ///< samples kept in memory
  int workers = 1;      ///< threads that make batches
};

struct TrainingSection {
  int64_t batch = 32;
  int64_t epochs = 10;
  std::string optimizer = "adam";
  std::optional<double> learning_rate;  ///< empty: the optimizer's usual one
  std::string schedule = "constant";
  std::string loss;  ///< empty: by the data and the model's last layer
  double label_smoothing = 0;
  std::vector<double> class_weights;
  double huber_delta = 1;
  bool from_logits = false;
  std::string monitor;  ///< metric that chooses the best epoch; empty: val_accuracy or val_loss
  int patience = 0;     ///< epochs without improvement that end the run; 0: none do
  double min_delta = 0;
  std::string keep;  ///< epoch whose parameters are written, "best" or "last"; empty: best where
                     ///< there is validation data and nothing is pruned or clustered
  int64_t seed = 0;
  int threads = 0;  ///< 0: all
};

struct OptimizerSection {
  double momentum = 0;
  bool nesterov = false;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double rho = 0.9;
  bool centered = false;
  double epsilon = 1e-7;
  std::optional<double> weight_decay;
  double l2 = 0;
  bool decay_kernels_only = false;
  double clip_norm = 0;
  double global_clip_norm = 0;
  double clip_value = 0;
};

struct ScheduleSection {
  double warmup_epochs = 0;
  double warmup_from = 0;
  double decay_epochs = 0;  ///< 0: all behind the warmup (cosine), else needed
  double alpha = 0;
  double decay_rate = 0.1;
  bool staircase = false;
  std::vector<double> boundaries;  ///< in epochs
  std::vector<double> values;
  double factor = 0.1;
  int patience = 10;
  double min_delta = 1e-4;
  int cooldown = 0;
  double min_learning_rate = 0;
};

struct QatSection {
  bool enabled = false;
  std::string scheme = "int8";
  int64_t calibration_samples = 200;
  /// Until this part of the epochs, ranges are calibrated anew before each one (a model that starts
  /// from random weights); behind it they are only learned.
  double calibrate = 0.3;
  /// From this part of the epochs on, batch normalizations keep their running statistics.
  double freeze_norms = 0.7;
};

struct PruneSection {
  double sparsity = 0;                  ///< 0: nothing is pruned
  std::string schedule = "polynomial";  ///< or "constant"
  double initial_sparsity = 0;
  double begin_epoch = 0;
  double end_epoch = 0;  ///< 0: two thirds of the run (polynomial), or its end
  double power = 3;
  int64_t frequency = 0;   ///< steps; 0: 100, or less in a short run
  std::vector<int> block;  ///< rows, columns
  std::string pooling = "average";
  std::string pattern;  ///< "2:4"
  bool global = false;
  std::vector<std::string> overrides;  ///< "dense*=0.8"
  double channels = 0;                 ///< share of output channels to remove before training
  std::string channel_norm = "l2";     ///< l1, l2 or gamma
  int channels_multiple_of = 1;        ///< what stays is rounded up to a multiple
  bool keep = false;
  bool depthwise = false;

  bool enabled() const { return sparsity > 0 || keep || !pattern.empty(); }
};

struct ClusterSection {
  int clusters = 0;        ///< 0: none
  double begin_epoch = 0;  ///< 0: at once, or when pruning has chosen its last masks
  std::string init = "kmeans++";
  int kmeans_steps = 10;
  bool keep_zeros = false;  ///< always where the run prunes
  bool per_channel = false;
  std::string aggregation = "sum";
  bool keep = false;
  bool reassign = true;
  std::vector<std::string> skip;
  bool depthwise = false;
};

struct DistillSection {
  std::string teacher;
  double temperature = 4;
  double alpha = 0.1;
  std::vector<std::string> features;  ///< "student tensor:teacher tensor"
  double feature_weight = 1;
};

struct OutputSection {
  std::string run;       ///< folder; empty: none is kept
  std::string model;     ///< file for the last model besides
  std::string quantize;  ///< scheme of a quantized file besides the float one
  int64_t calibration_samples = 200;
  int64_t checkpoint_steps = 0;  ///< besides those at each epoch's end
  bool plots = true;
  bool tensorboard = true;
  bool histograms = false;  ///< of parameters, in TensorBoard's files
};

struct Specification {
  ModelSection model;
  DataSection data;
  TrainingSection training;
  OptimizerSection optimizer;
  ScheduleSection schedule;
  AugmentSettings augment;
  QatSection qat;
  PruneSection prune;
  ClusterSection cluster;
  DistillSection distill;
  OutputSection output;
};

/// Sets what the TOML text says, leaves the rest. bad_file, with the place or with section and key,
/// where it is malformed, a value has another type, or a section or key does not exist (the error
/// says which name is near).
void read_specification(std::string_view toml, Specification& specification);

/// The same from a file; errors name it.
void load_specification(const std::filesystem::path& path, Specification& specification);

/// Sets "training.batch" from "64": lists are written 1,2,3, truths true and false. bad_argument
/// where there is no such key, with the near one, or the value does not fit.
void set_option(Specification& specification, std::string_view key, std::string_view value);

/// All settings as TOML text that read_specification reads back; what is chosen later and has no
/// value yet is left out. `heading` lines become comments.
std::string to_toml(const Specification& specification, std::string_view heading = {});

/// bad_argument where numbers are out of their range or settings contradict each other.
void check(const Specification& specification);

}  // namespace smelt::train
