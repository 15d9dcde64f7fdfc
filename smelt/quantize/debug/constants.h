#pragma once

#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// The real numbers that a constant stands for: floats as they are, integers by the tensor's scales
/// (per tensor, per slice of an axis, or per block along the last axis), of whole numbers without a
/// scale their values. unsupported for types that hold no numbers and for sparse constants.
std::vector<float> real_constant(const Graph& graph, const Tensor& tensor);

/// Square root of the sum of squared differences over the sum of squares of `a`; 0 where both are
/// all 0, infinite where the sizes differ.
double relative_distance(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace smelt
