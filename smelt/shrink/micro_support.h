#pragma once

#include <string>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

/// What TFLite Micro needs to run a model, and what it cannot run of it.
struct MicroSupport {
  /// Ops, or types of ops, that it has no kernel for, each with the reason: "op 3 CONV_2D (layer
  /// c1): int8 weights beside float32 activations".
  std::vector<std::string> obstacles;
  /// Calls on a MicroMutableOpResolver, one for each type of op, in the order of their names:
  /// "AddConv2D()".
  std::vector<std::string> resolver_calls;
};

/// Ops and types as in docs/OPS.md, names of calls as in micro_mutable_op_resolver.h.
MicroSupport micro_support(const Model& model);

}  // namespace smelt
