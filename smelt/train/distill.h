#pragma once

#include <memory>
#include <string>
#include <vector>

#include "smelt/train/loss.h"

namespace smelt::train {

/// Values inside of both models that are to be alike, by tensor name.
struct FeaturePair {
  std::string student;
  std::string teacher;
};

struct DistillSettings {
  double temperature = 4;
  /// Part of the loss on the targets; 1 - alpha goes to the teacher (as in Keras's example).
  double alpha = 0.1;
  std::vector<FeaturePair> features;
  double feature_weight = 1;
};

/// Training after a teacher (Hinton, Vinyals & Dean 2015). For softmax outputs
///   alpha * loss + (1 - alpha) * T^2 * mean over positions of KL(softmax(t / T) | softmax(s / T))
/// with the logits t of the teacher and s of the student (sigmoid outputs: the KL of each entry's
/// two classes, mean over entries); for outputs without logits the KL and its factor become the
/// mean of (s - t)^2. Each pair of features adds feature_weight times the mean squared difference.
///
///   Distillation distill(student_model, module, losses, teacher_model, settings, options);
///   each step:  forward; distill.run_teacher(step);
///               result = run_losses(losses, step, targets, LossGradient::write, settings.alpha);
///               soft = distill.run(step, LossGradient::add);
///               loss = alpha * result.total + soft;
///               backward(step, seeds: the values of the losses and those of distill.seeds())
class Distillation {
 public:
  /// The teacher is any model with the student's inputs and outputs (in order): float or quantized.
  /// bad_argument, naming both, where inputs, outputs or features do not fit.
  Distillation(const Model& student, const Module& module, std::span<const OutputLoss> losses,
               const Model& teacher, DistillSettings settings, const ModuleOptions& options);
  ~Distillation();

  /// Runs the teacher on what the module's inputs hold: samples in parallel on step.workers.
  void run_teacher(const Step& step);

  /// (1 - alpha) times the soft losses (weighted as the outputs' losses are), plus those of the
  /// features. Gradients of outputs are added or overwritten as `gradient` says; those of features
  /// are overwritten (none: neither).
  double run(const Step& step, LossGradient gradient) const;

  /// Values of the student that features leave a gradient in.
  std::vector<Value*> seeds() const;
  double alpha() const { return settings_.alpha; }

 private:
  struct Teacher;
  DistillSettings settings_;
  std::unique_ptr<Teacher> teacher_;
};

}  // namespace smelt::train
