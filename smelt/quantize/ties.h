#pragma once

#include <functional>
#include <map>
#include <vector>

#include "smelt/ir/graph.h"
#include "smelt/quantize/range.h"

namespace smelt {

/// The observed range of a float input or result, or the range of a float constant; may throw.
using RangeOf = std::function<Range(TensorId)>;

/// What of the range of tensors that share a scale is given steps. Tensors whose range does not
/// count are not among them.
using ClipOf = std::function<Range(const std::vector<TensorId>& tensors, const Range& whole)>;

/// The ops that compute with activations of one integer type, int8 or int16.
struct ScaleDomain {
  DataType type = DataType::int8;
  std::function<bool(OpId)> holds;
};

/// Scale and zero point, in the domain's type, of every float tensor that its ops read or compute,
/// constants aside. Tensors that an op moves values between get the same one (see make_plan); a
/// tensor of fixed scale keeps it. `clip` is not asked where a constant shares the scale.
std::map<TensorId, Quantization> choose_scales(const Graph& graph, const ScaleDomain& domain,
                                               const RangeOf& range, const ClipOf& clip);

/// The operands of an op that are float32: computed ones, and constants. States (variables) are
/// neither; see recurrent_plan.
struct FloatOperands {
  std::vector<size_t> computed;
  std::vector<size_t> constant;
};
FloatOperands float_operands(const Graph& graph, const Op& op);

}  // namespace smelt
