#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Element type of the quantized model's inputs and outputs, where the float model has floats.
/// Where the ops inside want another type, QUANTIZE and DEQUANTIZE ops convert.
enum class IoType {
  int8,
  uint8,  ///< the scale of int8, zero point 128 higher
  int16,  ///< symmetric
  float32,
};

/// How an op computes.
enum class Precision {
  float32,      ///< stays as it is
  float16,      ///< float, from weights stored as float16
  weight_only,  ///< float, from weights stored as integers
  dynamic,      ///< LiteRT's hybrid kernels: integer weights, activations quantized while it runs
  int8,         ///< int8 activations, int8 or int4 weights, int32 biases
  int16x8,      ///< int16 activations, int8 weights, int64 biases
};

/// Whether weights share one scale.
enum class Granularity {
  automatic,    ///< per channel, but per tensor for dense layers in int8 and int16x8
  per_tensor,   ///< one scale
  per_channel,  ///< a scale per output channel
  blockwise,    ///< a scale per `block_size` weights of an output (dense layers, float compute)
};

/// How the range that an activation is given follows from the values that calibration saw.
enum class RangeMethod {
  minmax,          ///< all of it
  mse,             ///< the part of it that makes the squared error least (see least_error_range)
  moving_average,  ///< exponential average of the samples' ranges
  percentile,      ///< without the share of values beyond OpConfig::percentile
  entropy,         ///< the part whose distribution loses least information (Kullback-Leibler)
};

/// How the scale of weights follows from their values.
enum class WeightRange {
  minmax,  ///< the largest |weight| has the largest integer
  mse,     ///< the clip with the least squared error
  octav,   ///< the clip of OCTAV's fixed point (Sakr et al. 2022)
};

/// What is wanted of one op. Names in recipes: those of the fields.
struct OpConfig {
  Precision precision = Precision::int8;
  int weight_bits = 8;  ///< 8 or 4; where an op has no int4 kernel, its weights get 8 bits
  Granularity granularity = Granularity::automatic;
  int block_size = 0;  ///< 32, 64, 128 or 256 where blockwise
  RangeMethod ranges = RangeMethod::mse;
  double percentile = 99.99;
  WeightRange weight_range = WeightRange::minmax;
  /// Smaller weights stay float32 (dynamic, weight_only) or get 8 bits (int8 with int4 weights).
  int64_t min_weight_elements = 0;

  bool operator==(const OpConfig&) const = default;
};

/// Changes the config of the ops that it matches; fields that are not set stay as they are.
struct OpRule {
  /// Regular expression (ECMAScript), searched in the names of layer, op and result tensors;
  /// empty: every op.
  std::string pattern;
  std::optional<OpType> op;  ///< every type where absent
  std::optional<Precision> precision = {};
  std::optional<int> weight_bits = {};
  std::optional<Granularity> granularity = {};
  std::optional<int> block_size = {};
  std::optional<RangeMethod> ranges = {};
  std::optional<double> percentile = {};
  std::optional<WeightRange> weight_range = {};
  std::optional<int64_t> min_weight_elements = {};

  bool operator==(const OpRule&) const = default;
};

/// What quantization is to do with a model.
struct Recipe {
  std::string name = "int8";  ///< of the scheme that it started from
  OpConfig base;
  std::vector<OpRule> rules;  ///< a later rule overrides earlier ones
  IoType io = IoType::int8;
  /// What has no kernel of the wanted precision stays float32; otherwise it is an error.
  bool fallback = false;

  bool operator==(const Recipe&) const = default;
};

/// A scheme by name: none, float16, dynamic, dynamic-int4, weight-only-int8, weight-only-int4,
/// int8, int8-float-fallback, int16x8, int16x8-float-fallback, int4; and the names of project
/// folders: None, integer_with_float_fallback, integer_with_8bits_weights_and_16bit_activations.
/// bad_argument for another.
Recipe scheme(std::string_view name);
/// The names above, for help texts.
const std::vector<std::string>& scheme_names();

/// What the recipe wants of an op. bad_argument where a pattern is no regular expression.
OpConfig config_of(const Recipe& recipe, const Graph& graph, OpId op);

/// Whether a rule, and not the base alone, decides about the precision of an op.
bool has_precision_rule(const Recipe& recipe, const Graph& graph, OpId op);

/// Whether any op could need ranges of activations, so that calibration is needed.
bool needs_calibration(const Recipe& recipe);

std::string_view name(IoType type);
std::string_view name(Precision precision);
std::string_view name(Granularity granularity);
std::string_view name(RangeMethod method);
std::string_view name(WeightRange range);
/// bad_argument, listing the names that there are, for a text that names none.
IoType parse_io_type(std::string_view text);
Precision parse_precision(std::string_view text);
Granularity parse_granularity(std::string_view text);
RangeMethod parse_range_method(std::string_view text);
WeightRange parse_weight_range(std::string_view text);

}  // namespace smelt
