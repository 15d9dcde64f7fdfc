#pragma once

#include <string>

#include "smelt/ir/model.h"

namespace smelt {

/// "block1_add" or "tensor 12" where it has no name.
std::string describe(const Graph& graph, TensorId id);

/// "op 17 CONV_2D (layer block1_conv)": position in execution order, type, origin where known.
std::string describe(const Graph& graph, OpId id);

/// The graph as text, one line per op; stable, so that tests compare it:
///   conv1: float32[1, 32, 32, 16] = CONV_2D(image, conv1/w, conv1/b) padding=same ...
std::string dump(const Graph& graph);
std::string dump(const Model& model);

/// Empty where both hold the same model, else the first difference in words. Tensors are matched
/// through the structure (ops in order, their operands), so ids, order of tensors and tensors that
/// nothing uses do not matter; with `compare_names` false neither do names.
std::string difference(const Model& a, const Model& b, bool compare_names = true);

}  // namespace smelt
