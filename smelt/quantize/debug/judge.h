#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/ir/data_type.h"
#include "smelt/ir/ids.h"
#include "smelt/ir/op_type.h"
#include "smelt/quantize/debug/measure.h"

namespace smelt {

/// What helps a layer.
enum class Cure {
  equalize,             ///< cross-layer equalization of channel ranges
  per_channel_weights,  ///< a scale per output channel
  more_weight_bits,     ///< 8 bits
  wider_range,          ///< an output range that covers more of the values
  narrower_range,       ///< one that gives up the few largest values (mse, percentile)
  int16_activations,
  keep_float,
  bias_correction,
};
std::string_view name(Cure cure);

/// What is wrong with a layer.
struct Finding {
  std::string text;         ///< for people: cause, figures, cure
  std::vector<Cure> cures;  ///< the best first, then what helps where that cannot be had
};

/// The constant weights of an op in the quantized model.
struct WeightFacts {
  DataType type = DataType::float32;  ///< as stored in the file
  bool per_tensor = false;            ///< one scale for all of more than one output channel
  bool can_be_per_channel = false;    ///< the op's kernels take a scale per output channel
  double channel_ratio =
      1;  ///< largest magnitude of all channels / median of the channels' largest
};

/// One result of a quantized op.
struct LayerReport {
  OpId op;  ///< of the quantized model
  OpType type = OpType::custom;
  TensorId tensor;          ///< the result
  std::string tensor_name;  ///< in the quantized model
  std::string layer;        ///< layer of the float model, or its result's name
  std::string float_name;   ///< the result's name in the float model
  DataType stored = DataType::float32;
  std::optional<float> scale;         ///< of the result; none where it is float
  std::optional<int64_t> zero_point;  ///< likewise
  /// quantized op - float op, both on what the quantized op reads in the quantized model: what
  /// TensorFlow's QuantizationDebugger measures.
  ErrorStats same_inputs;
  /// quantized op on the float model's values rounded to its operands' scales - float model: what
  /// quantizing this op alone does.
  ErrorStats layerwise;
  ErrorStats accumulated;  ///< quantized model - float model: all ops up to here
  ErrorSplit split;        ///< of the layerwise error
  double crest = 0;        ///< largest magnitude of the float result / root of its mean square
  /// Largest magnitude of the float result / median over its channels of theirs; of ops with
  /// weights, else 1.
  double channel_ratio = 1;
  double operand_channel_ratio = 1;  ///< the largest of those of the results that it reads
  std::optional<WeightFacts> weights;
  /// What the task gains where this op alone is float; none where that was not run.
  std::optional<double> accuracy_gain;  ///< where the data has labels
  std::optional<double> output_mse;     ///< of output 0 then, against the float model's
  std::vector<Finding> findings;        ///< empty: nothing to complain of

  /// Width of the range that the scale spans: 255 * scale for 8 bits; 0 for floats.
  double range() const;
  /// Root mean square of same_inputs in steps; 0 for floats. Rounding alone gives 1/sqrt(12) =
  /// 0.289.
  double rmse_per_scale() const;
};

// Thresholds of the verdicts, with their reasons.

/// An error power above 1 % of the signal's: rounding a bell-shaped signal to 8 bits gives 35 to 45
/// dB, and some ten such layers in a row still leave 25.
inline constexpr double kPoorSqnr = 20;
/// Above this the error cannot be what costs accuracy, however many steps it is.
inline constexpr double kGoodSqnr = 30;
/// TensorFlow's guide to its debugger suspects layers from here on: 2.4 times plain rounding.
inline constexpr double kPoorRmsePerScale = 0.7;
/// A typical channel uses an eighth of the steps: three of eight bits are lost.
inline constexpr double kUnequalChannels = 8;
/// By Chebyshev's inequality at most 1 % of the values lie beyond half of the range.
inline constexpr double kHighCrest = 20;
/// Mean error against the standard deviation of all errors: a constant takes away a fifth of the
/// squared error from here on.
inline constexpr double kBiasOverSpread = 0.5;
/// A bias is worth correcting where the error is not negligible (0.03 % of the signal).
inline constexpr double kBiasSqnr = 35;
/// Fewer samples that one op more in float gets right are chance.
inline constexpr double kLeastAccuracyGain = 0.01;
inline constexpr int64_t kLeastSamplesGained = 3;

/// Fills in what is wrong. `samples`: that accuracy_gain is of.
void judge(LayerReport& layer, int64_t samples);

}  // namespace smelt
