#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "smelt/quantize/calibrate.h"
#include "smelt/quantize/plan.h"

namespace smelt {

/// What is done after training against the loss of rounding weights to few bits.
struct RecoverOptions {
  bool equalize = false;  ///< ranges of channels are evened out between layers, see equalize
  bool bias = false;      ///< mean errors of a layer's results go into its bias
  bool round = false;     ///< weights move by whole steps to where the layer's error is least
  bool gptq = false;      ///< weights are rounded one by one, the later ones making up for errors
  int64_t samples = 200;  ///< of the data set; fewer where their activations take over 1 GiB
  uint64_t seed = 0;
  int threads = 0;  ///< 0: as many as the machine has
  Progress progress = {};

  bool layers() const { return bias || round || gptq; }  ///< whether recover has anything to do
};

/// Options with the steps that `text` names: "none", "all", or some of equalize, bias, round and
/// gptq with commas in between; bad_argument for anything else.
RecoverOptions parse_recovery(std::string_view text);

/// Signal to quantization noise of results, 10 log10(sum f^2 / sum (f - q)^2), in dB.
struct RecoveryStep {
  std::string name;  ///< as in the options; "weights" where round and gptq act together
  double before_db = 0;
  double after_db = 0;
  bool kept = false;  ///< false: the error was not smaller, and the step was undone
};

/// What recovery did to a layer, or (without an op) to the model's outputs. dB are measured on
/// samples that nothing was fitted to.
struct RecoveryReport {
  OpId op = OpId::none;
  std::string name;
  double before_db = 0;  ///< in the model without recovery, from its own inputs
  double after_db = 0;
  std::vector<RecoveryStep> steps;  ///< each from the inputs that the recovered layers give
};

/// Cross-layer equalization (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
/// and Bias Correction", section 4.1). Where a convolution or dense layer feeds another one through
/// ops that keep channels apart and scale with their operand (RELU, LEAKY_RELU, pools, means over
/// positions, flattening), channel i of the first is divided and of the second multiplied by
/// s_i = sqrt(r1_i r2_i) / r2_i, r the largest |weight| of the channel, until nothing changes.
/// RELU6 does not scale: channels that reach it on the data keep their values, others are scaled as
/// far as they stay below it. Channels whose weights are all 0 are left alone.
///
/// Then what a channel never goes below (at most its mean - 3 sigma) is absorbed by the bias of the
/// next layer (section 4.1.3), where that one has no padding.
///
/// The model computes the same, on the samples exactly up to rounding. Returns the number of pairs.
/// Ranges change, so statistics of the old model are of no use.
int equalize(Model& model, const DatasetPtr& data, const RecoverOptions& options);

/// equalize, then statistics and plan anew; model, statistics and plan stay as they are where the
/// quantized outputs are not nearer to the float ones.
RecoveryReport equalize_if_better(Model& model, Stats& stats, QuantPlan& plan,
                                  const DatasetPtr& data, const CalibrateOptions& calibration,
                                  const RecoverOptions& options);

/// Bias correction, learned rounding and GPTQ, layer by layer in execution order, each against the
/// float results, from inputs as the layers recovered before give them. Sets OperandPlan::values of
/// weights and biases (and the scales of int4 weights). A step that does not lower the error of a
/// layer's results on held-out samples (every fourth) is undone; all are where the model's outputs
/// are no nearer to the float ones in the end. Weights that several ops share stay. A report per
/// layer, and one for each output of the model.
/// unsupported where shapes depend on data or ops share variables.
std::vector<RecoveryReport> recover(const Model& float_model, QuantPlan& plan,
                                    const DatasetPtr& data, const RecoverOptions& options);

}  // namespace smelt
