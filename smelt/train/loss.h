#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "smelt/train/module.h"

namespace smelt::train {

/// What an output is trained for, with the formulas of Keras 3 (keras.losses). E is the size of the
/// last axis, a position everything in front of it: an output of shape [N,...,E] has N*...
/// positions, over which the loss is the mean ("sum_over_batch_size").
enum class LossKind {
  sparse_categorical_crossentropy,  ///< -log p(class); targets are class numbers, one a position
  categorical_crossentropy,         ///< -sum_e y_e log p_e; targets are distributions, E a position
  binary_crossentropy,  ///< mean_e of -y log p - (1 - y) log(1 - p); targets as the output
  mse,                  ///< mean_e (y - x)^2
  mae,                  ///< mean_e |y - x|
  huber,                ///< mean_e of d^2 / 2 where |d| <= delta, else delta |d| - delta^2 / 2
};

/// From Keras's names: "sparse_categorical_crossentropy", "categorical_crossentropy",
/// "binary_crossentropy", "mse" or "mean_squared_error", "mae" or "mean_absolute_error", "huber" or
/// "huber_loss"; for short "sparse_ce", "ce", "bce". bad_argument, listing them, for others.
LossKind loss_kind(std::string_view name);
std::string_view name(LossKind kind);

/// One of the first three.
bool is_crossentropy(LossKind kind);

struct LossSettings {
  LossKind kind = LossKind::sparse_categorical_crossentropy;
  /// s in [0, 1): targets become y (1 - s) + s / E; of binary_crossentropy y (1 - s) + s / 2.
  double label_smoothing = 0;
  double huber_delta = 1;
  /// The output is logits as it is (a model that ends without softmax or logistic op). Where such
  /// an op ends the model, the crossentropies read in front of it without being told.
  bool from_logits = false;
  /// Factors by class, as in Keras's fit(class_weight): E of them (2 where E is 1) or none. For
  /// crossentropies; the class of a distribution is its largest entry.
  std::vector<float> class_weights = {};
};

/// What the numbers are that a loss reads.
enum class LossForm {
  values,          ///< probabilities, or what a regression predicts
  softmax_logits,  ///< p = softmax over the last axis
  sigmoid_logits,  ///< p = 1 / (1 + exp(-x))
};

/// Where a loss reads, and leaves its gradient: a seed of Module::backward.
struct LossSource {
  Value* value = nullptr;
  LossForm form = LossForm::values;
};

/// The logits of output `output` where the op that ends the model goes with the loss (SOFTMAX of
/// beta 1 with the categorical ones, LOGISTIC with the binary one) or settings.from_logits says so;
/// else the output. `graph` is the main graph of the model that the module was made of.
LossSource loss_source(const Module& module, const Graph& graph, size_t output,
                       const LossSettings& settings);

/// What a batch is compared with.
struct Targets {
  std::span<const float> values;               ///< step.samples * Loss::target_size()
  std::span<const float> sample_weights = {};  ///< step.samples factors, or none
};

enum class LossGradient {
  none,   ///< validation: the value's grad stays as it is
  write,  ///< overwrites it
  add,    ///< adds to what another loss on the same value left there
};

/// The loss of one output.
class Loss {
 public:
  /// bad_argument where settings are out of range or class weights do not fit the value.
  Loss(LossSettings settings, LossSource source);

  Value* value() const { return source_.value; }
  const LossSettings& settings() const { return settings_; }
  LossForm form() const { return source_.form; }
  int64_t classes() const { return classes_; }      ///< E
  int64_t positions() const { return positions_; }  ///< of one sample
  /// Target values of one sample: positions() for sparse classes, else positions() * classes().
  int64_t target_size() const;

  /// The mean over the positions of step.samples samples, each times its weights (the divisor is
  /// the number of positions whatever they are, as in Keras). Its gradient times `factor` goes to
  /// value()->grad. Probabilities are kept in [1e-7, 1 - 1e-7] as Keras does; those of the
  /// categorical losses are divided by their sum. bad_argument where targets are too few, or no
  /// class numbers. The same for every number of threads.
  double run(const Step& step, const Targets& targets, LossGradient gradient,
             double factor = 1) const;

 private:
  LossSettings settings_;
  LossSource source_;
  int64_t classes_ = 1;
  int64_t positions_ = 1;
};

struct OutputLoss {
  Loss loss;
  double weight = 1;  ///< in the sum (Keras's loss_weights)
};

struct LossResult {
  double total = 0;             ///< weighted sum
  std::vector<double> outputs;  ///< of each, without its weight
};

/// The losses of all outputs: targets[i] goes with losses[i].
LossResult run_losses(std::span<const OutputLoss> losses, const Step& step,
                      std::span<const Targets> targets, LossGradient gradient, double factor = 1);

}  // namespace smelt::train
