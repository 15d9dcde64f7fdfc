#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/quantize/stats.h"

namespace smelt {

/// Element type of the quantized model's inputs and outputs, where the float model has floats.
enum class IoType {
  int8,     ///< as the ops inside want it
  uint8,    ///< the same scale, zero point 128 higher; a QUANTIZE op converts
  float32,  ///< a QUANTIZE op behind each input, a DEQUANTIZE op before each output
};

std::string_view name(IoType type);
/// bad_argument for a text that names none.
IoType parse_io_type(std::string_view text);

/// How the range that an activation is given follows from the values that calibration saw.
enum class RangeMethod {
  minmax,  ///< all of it
  mse,     ///< the part of it that makes the squared error least (see least_error_range)
};

std::string_view name(RangeMethod method);
/// bad_argument for a text that names none.
RangeMethod parse_range_method(std::string_view text);

struct PlanOptions {
  IoType io = IoType::int8;
  RangeMethod ranges = RangeMethod::mse;
  /// One scale per output of dense layers too. Off, because it costs memory and time on
  /// microcontrollers for little accuracy; convolutions always have one per output channel.
  bool per_channel_dense = false;
};

/// How a tensor is stored.
struct TensorPlan {
  std::string name;  ///< of the tensor, for people
  DataType type = DataType::float32;
  Quantization quantization;

  bool operator==(const TensorPlan&) const = default;
};

/// How an op reads one operand: a constant, or a tensor that is stored in another form, which is
/// then converted in between.
struct OperandPlan {
  size_t index = 0;
  TensorPlan as;

  bool operator==(const OperandPlan&) const = default;
};

enum class OpForm {
  int8,       ///< float operands and results become integers
  float32,    ///< stays as it is
  untouched,  ///< has no float operands or results
};

struct OpPlan {
  std::string name;  ///< "op 17 CONV_2D (layer block1_conv)"
  OpForm form = OpForm::untouched;
  std::string reason;  ///< why it has this form, in words
  std::vector<OperandPlan> operands;

  bool operator==(const OpPlan&) const = default;
};

/// What quantization does to the main graph of a float model, as plain data: made by make_plan,
/// carried out by apply.
struct QuantPlan {
  PlanOptions options;
  std::map<TensorId, TensorPlan> tensors;  ///< inputs and results that are float in the model
  std::map<OpId, OpPlan> ops;
};

/// The plan of post-training quantization to int8 (TFLite 8-bit quantization specification):
/// weights symmetric in [-127, 127], per output channel for convolutions; activations asymmetric
/// over the observed range and 0; biases int32 with the product of the scales of input and weights;
/// fixed scales where kernels have them; one scale for all operands and results of ops that only
/// move values. The model's inputs and outputs always keep their whole range.
///
/// Where such an op reads tensors of different ranges, all take the result's; one whose scale is
/// fixed is converted in front of it. MAXIMUM and MINIMUM do not widen the scale to operands that
/// nothing else reads: what lies beyond the result's range loses anyway.
///
/// bad_argument where the model is in training form, quantized already, or a tensor was never
/// reached by calibration; unsupported, naming layer, reason and cure, where an op has no int8
/// form.
QuantPlan make_plan(const Model& model, const Stats& stats, const PlanOptions& options = {});

}  // namespace smelt
