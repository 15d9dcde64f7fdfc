#pragma once

#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Tensors that play the same part in the steps of an unrolled recurrent layer: states, sums,
/// gates. With one scale for all steps their biases and scales are stored once, and no step is
/// scaled for fewer samples than the others. Steps are found by dense layers that read the same
/// weights at equal distances.
std::vector<std::vector<TensorId>> tied_steps(const Graph& graph);

}  // namespace smelt
