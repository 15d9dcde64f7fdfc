#pragma once

#include <optional>
#include <span>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Computes one op alone, by its own kernel. `operands` are what it reads, in order; those at
/// absent inputs are ignored, and those that are no constants count as zeros of their shape (SHAPE
/// and RANK look no further). `results` give names and types. Returns them as constants; nothing
/// where there is no kernel for the op as it is.
std::optional<std::vector<Tensor>> run_op(const Op& op, std::span<const Tensor> operands,
                                          std::span<const Tensor> results);

}  // namespace smelt
