#include "train_options.h"

#include <filesystem>

#include "smelt/quantize/recipe.h"
#include "smelt/train/architectures/architecture.h"

namespace smelt::cli {
namespace {

/// Adds flags that set a key of the specification.
class SettingFlags {
 public:
  SettingFlags(CLI::App& command, TrainCommand& options, std::string group)
      : command_(command), options_(options), group_(std::move(group)) {}

  CLI::Option* value(const char* flag, const char* key, const char* help, const char* type) {
    return command_
        .add_option_function<std::string>(
            flag,
            [this_options = &options_, key](const std::string& text) {
              this_options->settings.emplace_back(key, text);
            },
            help)
        ->type_name(type)
        ->group(group_);
  }

  CLI::Option* truth(const char* flag, const char* key, const char* help) {
    return command_
        .add_flag_callback(
            flag,
            [this_options = &options_, key] { this_options->settings.emplace_back(key, "true"); },
            help)
        ->group(group_);
  }

 private:
  CLI::App& command_;
  TrainCommand& options_;
  std::string group_;
};

void add_model_flags(CLI::App& command, TrainCommand& options) {
  SettingFlags add(command, options, "Model");
  add.value("--input", "model.input", "Shape of a sample (as the data has it)", "SHAPE");
  add.value("--classes", "model.classes", "Outputs of the last layer (as the data has them)", "N");
  add.value("--width", "model.width", "Factor on the filters of an architecture (1)", "X");
  add.value("--strides", "model.strides",
            "Strides of the layers that shrink images, in order, such as 1,1,2,2,2", "LIST");
  add.value("--units", "model.units", "Units of the hidden layers of mlp and lstm (128)", "LIST");
  add.value("--dropout", "model.dropout", "Dropout before the last layer", "RATE");
  add.value("--cut", "model.cut",
            "Put a new head (global pooling, dropout, dense layer) behind this layer of MODEL",
            "LAYER");
  add.value("--freeze", "model.freeze",
            "Layers or parameters that stay as they are: globs, such as 'Conv1*,block_1_*'",
            "GLOBS");
}

void add_data_flags(CLI::App& command, TrainCommand& options) {
  SettingFlags add(command, options, "Data");
  add.value("--data", "data.train",
            "Samples to train on: a file, a folder, or NAME:SPLIT such as "
            "fashion-mnist:train",
            "DATA");
  add.value("--validation", "data.validation", "Samples to validate on behind each epoch", "DATA");
  add.value("--validation-split", "data.validation_split",
            "Share of --data to hold out for that, of each class its share", "SHARE");
  add.value("--test", "data.test", "Samples to measure the written models on (the validation's)",
            "DATA");
  add.value("--limit", "data.limit", "Train on N samples only, of each class its share", "N");
  add.value("--range", "data.range", "Map pixels 0..255 to 0..255, 0..1 or -1..1", "LOW..HIGH");
  add.value("--resize", "data.resize", "Resize images to HEIGHTxWIDTH, bilinear", "HxW");
  add.value("--channels", "data.channels", "Convert images to 1 or 3 channels", "N");
  add.value("--mean", "data.mean", "Subtract a mean, one for all or one per channel", "X");
  add.value("--std", "data.std", "Divide by a standard deviation, likewise", "X");
  add.value("--x-key", "data.x_key", "Key of the samples in an .npz file (x)", "KEY");
  add.value("--y-key", "data.y_key", "Key of the labels in an .npz file (y)", "KEY");
  command
      .add_option("--augment", options.augment,
                  "Random changes of images: flip, rotation=10, zoom=0.1, translation=0.1, crop=4, "
                  "brightness=0.1, contrast=0.1, cutout=8 (a name alone means the value here), "
                  "fill=reflect|constant|nearest")
      ->type_name("LIST")
      ->group("Data");
}

void add_training_flags(CLI::App& command, TrainCommand& options) {
  SettingFlags add(command, options, "Training");
  add.value("--batch", "training.batch", "Samples in a step (32)", "N");
  add.value("--epochs", "training.epochs", "Passes over the data (10)", "N");
  add.value("--optimizer", "training.optimizer", "adam (the default), adamw, sgd or rmsprop",
            "NAME");
  add.value("--learning-rate", "training.learning_rate", "0.001, of sgd 0.01, unless given",
            "RATE");
  add.value("--momentum", "optimizer.momentum", "Of sgd and rmsprop (0)", "X");
  add.value("--weight-decay", "optimizer.weight_decay", "Decoupled (0, of adamw 0.004)", "X");
  add.value("--clip-norm", "optimizer.global_clip_norm",
            "Largest norm of all gradients together (none)", "X");
  add.value("--schedule", "training.schedule",
            "Of the learning rate: constant (the default), cosine, step, exponential, piecewise, "
            "plateau; section [schedule] has their settings",
            "NAME");
  add.value("--warmup-epochs", "schedule.warmup_epochs", "Epochs in which it grows from 0 (0)",
            "X");
  add.value("--loss", "training.loss",
            "sparse_categorical_crossentropy, categorical_crossentropy, binary_crossentropy, mse, "
            "mae or huber (by the data)",
            "NAME");
  add.value("--label-smoothing", "training.label_smoothing", "Of crossentropies (0)", "SHARE");
  add.value("--class-weights", "training.class_weights", "A factor for each class", "LIST");
  add.value("--monitor", "training.monitor", "Metric that chooses the best epoch (val_accuracy)",
            "METRIC");
  add.value("--patience", "training.patience",
            "End after so many epochs in which it does not improve (never)", "N");
  add.value("--keep", "training.keep",
            "Write the parameters of the best or the last epoch (best with validation data)",
            "EPOCH");
  add.value("--seed", "training.seed", "Of weights, order, augmentation and dropout (0)", "N");
  add.value("--threads", "training.threads", "Worker threads (all)", "N");
}

void add_compression_flags(CLI::App& command, TrainCommand& options) {
  SettingFlags add(command, options, "Compression");
  add.truth("--qat", "qat.enabled", "Quantization-aware training");
  add.value("--prune", "prune.sparsity", "Share of each kernel's weights to make zero", "SHARE");
  add.value("--prune-channels", "prune.channels",
            "Share of output channels to remove from MODEL before it is trained", "SHARE");
  add.value("--cluster", "cluster.clusters", "Different weights that each kernel may have", "N");
  add.value("--teacher", "distill.teacher", "Learn from this model's outputs too", "MODEL");
  add.value("--temperature", "distill.temperature", "Of the teacher's outputs (4)", "X");
  add.value("--alpha", "distill.alpha", "Part of the loss on labels beside a teacher (0.1)", "X");
  add.value("--quantize", "output.quantize",
            "Write a quantized file too, calibrated on the training data", "SCHEME");
}

void add_output_flags(CLI::App& command, TrainCommand& options) {
  SettingFlags add(command, options, "Output");
  add.value("--run", "output.run", "Folder for metrics, checkpoints, plots and models", "DIR");
  add.value("-o,--output", "output.model",
            "File for the model: quantized with --quantize or --qat, else float", "FILE");
  add.value("--checkpoint-steps", "output.checkpoint_steps",
            "Write a checkpoint every N steps, besides each epoch's end", "N");
  const std::string group = "Output";
  command.add_flag("--resume", options.resume, "Go on with the run in --run")->group(group);
  command.add_flag("--overwrite", options.overwrite, "Replace an earlier run in --run")
      ->group(group);
}

}  // namespace

void add_train_options(CLI::App& command, TrainCommand& options) {
  command
      .add_option_function<std::string>(
          "MODEL",
          [&options](const std::string& text) {
            options.settings.emplace_back("model.source", text);
          },
          fmt::format("What to train: an architecture ({}) or a model file",
                      fmt::join(train::architecture_names(), ", ")))
      ->type_name("");
  command
      .add_option("--spec", options.specification,
                  "TOML file with settings; flags override it. Runs keep one with all settings")
      ->type_name("FILE");
  command.add_option("--set", options.set, "Any setting of such a file: --set prune.power=2")
      ->type_name("KEY=VALUE");
  add_model_flags(command, options);
  add_data_flags(command, options);
  add_training_flags(command, options);
  add_compression_flags(command, options);
  add_output_flags(command, options);
  add_common(command, options.common);
}

train::Specification specification_of(const TrainCommand& options) {
  train::Specification specification;
  std::string run;
  for (const auto& [key, value] : options.settings) {
    if (key == "output.run") run = value;
  }
  if (options.resume && run.empty()) {
    fail(ErrorKind::bad_argument, "--resume needs the folder of the run: --run DIR");
  }
  const std::filesystem::path kept = std::filesystem::path(run) / "specification.toml";
  if (!options.specification.empty()) {
    train::load_specification(options.specification, specification);
  } else if (options.resume && std::filesystem::exists(kept)) {
    train::load_specification(kept, specification);
  }
  if (!options.augment.empty()) specification.augment = train::parse_augment(options.augment);
  for (const auto& [key, value] : options.settings) train::set_option(specification, key, value);
  for (const std::string& each : options.set) {
    const size_t equals = each.find('=');
    if (equals == std::string::npos) {
      fail(ErrorKind::bad_argument, "--set {}: expected KEY=VALUE, such as prune.power=2", each);
    }
    train::set_option(specification, each.substr(0, equals), each.substr(equals + 1));
  }
  if (!run.empty()) specification.output.run = run;
  return specification;
}

}  // namespace smelt::cli
