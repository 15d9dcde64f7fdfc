#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/train/constraint.h"
#include "smelt/train/layer.h"

namespace smelt::train {

struct GradientRule;
struct UpdateSpan;

/// With g the gradient and t counting steps from 1, as Keras 3 computes them (keras.optimizers):
///   sgd      w -= lr g; with momentum m' = mu m - lr g, w += m' (nesterov: w += mu m' - lr g)
///   adam     m' = m + (g - m)(1 - b1), v' = v + (g^2 - v)(1 - b2),
///            w -= a m' / (sqrt(v') + eps) with a = lr sqrt(1 - b2^t) / (1 - b1^t)
///   adamw    adam with weight decay 0.004 unless settings say otherwise
///   rmsprop  v' = rho v + (1 - rho) g^2, u = lr g / sqrt(v' - d'^2 + eps) where centered asks for
///            d' = rho d + (1 - rho) g (else 0), w -= u; with momentum m' = mu m + u, w -= m'
enum class OptimizerKind { sgd, adam, adamw, rmsprop };

/// "sgd", "adam", "adamw", "rmsprop"; bad_argument for others.
OptimizerKind optimizer_kind(std::string_view name);
std::string_view name(OptimizerKind kind);

/// Defaults are Keras's.
struct OptimizerSettings {
  OptimizerKind kind = OptimizerKind::adam;
  double momentum = 0;  ///< mu, of sgd and rmsprop
  bool nesterov = false;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double rho = 0.9;
  bool centered = false;
  double epsilon = 1e-7;

  /// Decoupled: w -= lr decay w before the update (Keras's weight_decay). Nothing given: 0.004 for
  /// adamw, else 0. Never of activation ranges.
  std::optional<double> weight_decay;
  /// Coupled: g += 2 l2 w, the gradient of a penalty l2 |w|^2 (Keras's regularizers.L2), before
  /// clipping. The loss that is reported leaves the penalty out.
  double l2 = 0;
  bool decay_kernels_only = false;  ///< both kinds of decay: kernels and embeddings alone

  // At most one of these is not 0, as in Keras.
  double clip_norm = 0;         ///< of each parameter's gradient
  double global_clip_norm = 0;  ///< of all gradients together
  double clip_value = 0;        ///< of each entry
};

/// Keras's learning rate where none is given: 0.01 for sgd, else 0.001.
double default_learning_rate(OptimizerKind kind);

/// Updates parameters from their gradients: one parallel pass over all of them. Each entry's result
/// depends on that entry alone, and norms are sums of a fixed number of parts, so that results are
/// the same for every number of threads.
class Optimizer {
 public:
  /// Parameters that are not trainable are left alone; whether they are may change between steps.
  /// bad_argument where settings are out of range.
  Optimizer(OptimizerSettings settings, std::vector<Parameter*> parameters);

  /// Factor on the learning rate of parameter `index` of those given (1 at first).
  void set_rate_factor(size_t index, double factor);

  /// One update. Gradients are not changed.
  void step(Workers& workers, double learning_rate);

  int64_t steps() const { return steps_; }
  const std::vector<Parameter*>& parameters() const { return parameters_; }
  /// Of all gradients in the last step, before clipping. Computed only where clipping by a norm
  /// asks for it; 0 otherwise (see gradient_norm).
  double last_norm() const { return last_norm_; }

  /// Steps taken, and moments by parameter name: "optimizer/steps", "optimizer/conv1/kernel/m".
  void visit_state(const StateVisitor& visit);

 private:
  struct Slot {
    std::vector<float> m, v, d;  ///< empty where the rule has no such moment
    double rate_factor = 1;
  };
  struct Decay {
    double decoupled = 0;
    float l2 = 0;
  };
  Decay decay_of(const Parameter& parameter) const;
  std::vector<float> clip_factors(Workers& workers);
  void update(double rate, const GradientRule& before, const UpdateSpan& span) const;

  OptimizerSettings settings_;
  std::vector<Parameter*> parameters_;
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
  double last_norm_ = 0;
};

/// sqrt of the sum of the squares of all gradients of trainable parameters. NaN or infinite where
/// one is: training diverged.
double gradient_norm(Workers& workers, const std::vector<Parameter*>& parameters);

}  // namespace smelt::train
