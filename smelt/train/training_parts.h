#pragma once

#include "smelt/train/qat.h"
#include "smelt/train/training.h"
#include "smelt/train/training_settings.h"

namespace smelt::train {

// The steps of run_training.

struct TrainingData {
  DatasetPtr train;
  DatasetPtr validation;  ///< or null
  DatasetPtr test;        ///< what written models are measured on: test, validation, or null
};

TrainingData open_training_data(const DataSection& data, uint64_t seed);

/// The model as the specification wants it, in training form: an architecture, a file, or a file
/// with a new head; input and classes are filled in where they were left to the data.
Model open_training_model(Specification& specification, const TrainingData& data);

/// Everything that a training loop consists of.
class TrainingSession {
 public:
  /// Fills in what the specification leaves open.
  TrainingSession(const Model& model, const TrainingData& data, Specification& specification);

  Module& module() { return *module_; }
  /// Null where training is not quantization-aware.
  const QuantizationAware* qat() const { return qat_.get(); }
  TrainerParts parts();
  /// Without callbacks.
  TrainerOptions options(const TrainingData& data, const Specification& specification) const;

 private:
  void make_loss(const TrainingData& data, Specification& specification);
  void make_optimizer(Specification& specification);
  void add_constraints(const Specification& specification);

  const Model& model_;
  std::unique_ptr<Workers> workers_;
  RunLength length_;
  std::unique_ptr<QuantizationAware> qat_;
  std::unique_ptr<Module> module_;
  std::vector<OutputLoss> losses_;
  std::unique_ptr<Loss> validation_loss_;
  std::vector<std::unique_ptr<Constraint>> owned_;
  std::vector<NamedConstraint> constraints_;
  Clustering* clustering_ = nullptr;  ///< among them
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<Distillation> distillation_;
  MetricKind metric_ = MetricKind::accuracy;
};

/// Writes the trained model as float .tflite and, where asked for, as a quantized one, and measures
/// the files.
std::vector<WrittenModel> write_models(const Model& trained, const TrainingData& data,
                                       const Specification& specification,
                                       const QuantizationAware* qat,
                                       const TrainingCallbacks& callbacks);

}  // namespace smelt::train
