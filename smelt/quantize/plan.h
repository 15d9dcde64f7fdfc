#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/quantize/recipe.h"
#include "smelt/quantize/stats.h"

namespace smelt {

/// How a tensor is stored.
struct TensorPlan {
  std::string name;  ///< of the tensor, for people
  DataType type = DataType::float32;
  Quantization quantization;  ///< blockwise: a scale per block in row order; see OperandPlan
  int block_size = 0;         ///< not 0: scales belong to blocks along the last axis

  bool operator==(const TensorPlan&) const = default;
};

/// How an op reads one operand: a constant, or a tensor that is stored in another form, which is
/// then converted in between.
struct OperandPlan {
  size_t index = 0;
  TensorPlan as;
  /// A constant that is stored so and brought back to float32 by a DEQUANTIZE op (float16,
  /// weight_only).
  bool dequantized = false;
  /// The stored values of a constant, where recovery chose them; empty: the nearest ones. One byte
  /// for each int8 or int4 value, int32 or int64 for biases, float32 for biases that stay so.
  Buffer values = {};

  bool operator==(const OperandPlan&) const = default;
};

struct OpPlan {
  std::string name;  ///< "op 17 CONV_2D (layer block1_conv)"
  /// How it computes; nothing: it has no float operands or results.
  std::optional<Precision> precision;
  std::string reason;  ///< why it has this form, in words
  std::vector<OperandPlan> operands;
  int64_t bridge_elements = 0;  ///< values that conversions in front of it touch in one invocation

  bool operator==(const OpPlan&) const = default;
};

/// What quantization does to the main graph of a float model, as plain data: made by make_plan,
/// changed by recovery and search, carried out by apply.
struct QuantPlan {
  Recipe recipe;
  /// Inputs, results and states that are float in the model and stored as something else inside.
  std::map<TensorId, TensorPlan> tensors;
  /// How inputs and outputs are seen from outside, where that differs from inside.
  std::map<TensorId, TensorPlan> outside;
  std::map<OpId, OpPlan> ops;

  bool operator==(const QuantPlan&) const = default;
};

/// The plan that carries out a recipe. For int8 (TFLite 8-bit quantization specification): weights
/// symmetric in [-127, 127] (int4: [-7, 7]), per output channel for convolutions; activations
/// asymmetric over the observed range and 0; biases int32 with the product of the scales of input
/// and weights; fixed scales where kernels have them; one scale for all operands and results of ops
/// that only move values. int16x8: activations symmetric in [-32767, 32767], biases int64. The
/// model's inputs and outputs always keep their whole range.
///
/// A tensor is stored as the op that computes it wants; ops of another precision read a conversion.
///
/// Where such an op reads tensors of different ranges, all take the result's; one whose scale is
/// fixed is converted in front of it. MAXIMUM and MINIMUM do not widen the scale to operands that
/// nothing else reads: what lies beyond the result's range loses anyway.
///
/// bad_argument where the model is in training form, quantized already, or a tensor was never
/// reached by calibration; unsupported, naming layer, reason and cure, where an op does not have
/// the form that is asked and the recipe has no fallback.
QuantPlan make_plan(const Model& model, const Stats& stats, const Recipe& recipe = {});

}  // namespace smelt
