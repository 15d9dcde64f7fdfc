#pragma once

#include <functional>
#include <map>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Lowest and highest real value.
struct Range {
  float min = 0;
  float max = 0;
};

/// The observed range of a float input or result, or the range of a float constant; may throw.
using RangeOf = std::function<Range(TensorId)>;

/// int8 scale and zero point of every float input and result of the graph. Tensors that an op moves
/// values between get the same one (see make_plan); a tensor of fixed scale keeps it.
std::map<TensorId, Quantization> choose_scales(const Graph& graph, const RangeOf& range);

/// The operands of an op that are float32: computed ones, and constants.
struct FloatOperands {
  std::vector<size_t> computed;
  std::vector<size_t> constant;
};
FloatOperands float_operands(const Graph& graph, const Op& op);

}  // namespace smelt
