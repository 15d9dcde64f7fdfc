#pragma once

#include <optional>

#include "smelt/train/layer.h"

namespace smelt::train {

/// What operand `index` of an op is to training where it is a float constant: a parameter of this
/// kind, or nothing for constants that belong to the computation (a scale of 1/255, a shape).
/// Operands of element-wise ops are parameters where their name is that of a layer's weight
/// ("ln/gamma"): normalizations and scaling layers are made of them.
std::optional<ParameterKind> parameter_role(const Graph& graph, const Op& op, size_t index);

/// True for the running mean and variance of BATCH_NORMALIZATION.
bool is_statistic(const Op& op, size_t index);

}  // namespace smelt::train
