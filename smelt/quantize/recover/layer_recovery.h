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

/// Recovers one op: its operands are in `floats` and `quantized`, its float results too.
class LayerRecovery {
 public:
  LayerRecovery(const Model& one_op, QuantPlan plan, const Activations& floats,
                Activations& quantized, const SampleSplit& split, const RecoverOptions& options);

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

  bool weights_can_move() const;
  bool free_scale() const;
  double step_of(const TensorPlan& as, int64_t output, int64_t k) const;
  LayerData layer_data();
  void round_weights();
  void set_weights(const std::vector<RoundedChannel>& channels);
  void compensate_means(const std::vector<LayerProblem>& problems);
  void correct_bias();
  void set_bias(const std::vector<double>& bias);
  bool ensure_bias();
  double measure();
  void attempt(const std::string& name, std::vector<RecoveryStep>& steps,
               const std::function<void()>& change);

  const Model& one_op_;
  QuantPlan plan_;
  const Activations& floats_;
  Activations& quantized_;
  const SampleSplit& split_;
  const RecoverOptions& options_;
  OpId op_;
  int weights_ = -1, bias_ = -1;  ///< operands
  std::optional<LayerGeometry> geometry_;
  std::vector<double> real_bias_;  ///< what the stored bias stands for
};

}  // namespace smelt
