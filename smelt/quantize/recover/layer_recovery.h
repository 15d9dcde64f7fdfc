#pragma once

#include <functional>

#include "smelt/quantize/recover/layer_problem.h"
#include "smelt/quantize/recover/recover.h"
#include "smelt/quantize/recover/rounding.h"

namespace smelt {

/// 10 log10(sum f^2 / sum (f - q)^2) over samples of a tensor; `form`: how the quantized model
/// stores it.
double sqnr_db(const Activations& floats, const Tensor& float_form, const Activations& quantized,
               const Tensor& form, TensorId id, const std::vector<int64_t>& samples);

/// Samples that are fitted to, and those that decide whether a step is kept: every fourth, or all
/// where they are fewer than 8.
struct SampleSplit {
  std::vector<int64_t> fitted, held_out;
};
SampleSplit split_samples(int64_t count);

/// Recovers one op: its operands are in `floats` and `quantized`, its float results too. Weights
/// that other ops read too stay as they are.
class LayerRecovery {
 public:
  LayerRecovery(const Model& one_op, QuantPlan plan, const Activations& floats,
                Activations& quantized, const SampleSplit& split, const RecoverOptions& options,
                bool shared_weights);

  /// Whether the op has integer weights that recovery understands.
  bool applicable() const { return weights_ >= 0; }

  /// Afterwards the results of the recovered op are in `quantized`.
  std::vector<RecoveryStep> run();

  const OpPlan& plan() const { return plan_.ops.at(op_); }

 private:
  const Op& op() const { return one_op_.main().op(op_); }
  OperandPlan* operand(int index);
  const Tensor& constant(int index) const;
  float input_scale() const;
  Tensor form_of(TensorId id) const;

  /// Whether the bias makes up for the means of results.
  bool centred() const { return options_.bias && bias_ >= 0; }
  bool free_scale() const;
  double step_of(const TensorPlan& as, int64_t output, int64_t k) const;
  LayerData layer_data();
  void prepare_problems();
  void round_weights(double damping);
  void set_weights(const std::vector<RoundedChannel>& channels);
  void compensate_means();
  void correct_bias();
  void set_bias(const std::vector<double>& bias);
  bool ensure_bias();
  double measure();
  RecoveryStep attempt(const std::string& name, double before,
                       const std::vector<std::function<void()>>& changes);

  const Model& one_op_;
  QuantPlan plan_;
  const Activations& floats_;
  Activations& quantized_;
  const SampleSplit& split_;
  const RecoverOptions& options_;
  bool shared_weights_;
  OpId op_;
  int weights_ = -1, bias_ = -1;  ///< operands
  std::optional<LayerGeometry> geometry_;
  std::vector<LayerProblem> problems_;  ///< while weights are rounded
  std::vector<double> real_bias_;       ///< what the stored bias stands for
};

}  // namespace smelt
