#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "smelt/quantize/recipe.h"

namespace smelt {

/// Smaller constants are not stored as float16: a DEQUANTIZE op costs as many bytes in a file.
inline constexpr int64_t kLeastFloat16Elements = 32;

/// The form that an op takes.
struct OpChoice {
  std::optional<Precision> precision;  ///< nothing: the op has no float operands or results
  OpConfig config;                     ///< what the recipe wants of it
  std::string reason;                  ///< why it has this precision, in words
};
using OpChoices = std::map<OpId, OpChoice>;

/// What the recipe makes of every op of a float graph: the precision that it asks for where there
/// are kernels of it. Where `fallback` allows other forms, ops without weights that no rule speaks
/// of are computed in float too, if fewer values have to be converted then.
/// unsupported, naming layers, reasons and cure, where an op lacks the form that is asked and the
/// recipe has no fallback.
OpChoices choose_forms(const Graph& graph, const Recipe& recipe);

/// How activations are stored around an op of this precision: int8, int16 or float32.
DataType activation_type(Precision precision);
inline bool computes_integers(Precision precision) {
  return activation_type(precision) != DataType::float32;
}

/// The type of activations that an op of the choices reads and writes; float32 where it has none.
DataType activation_type(const OpChoices& choices, OpId op);

/// The float32 constant that holds the op's weights (see weight_operand), or null.
const Tensor* float_weights(const Graph& graph, const Op& op);

}  // namespace smelt
