#pragma once

#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

/// The subgraphs that an op runs, in the order of its attributes: IF then, else; WHILE condition,
/// body; CALL, CALL_ONCE and STABLEHLO_COMPOSITE one; none for other ops.
std::vector<int> called_graphs(const Op& op);

/// True for ops that the interpreter runs itself: those that call subgraphs, and those on resource
/// variables.
bool is_control(OpType type);

/// Checks everything about calls that does not need shapes, in the main graph and all that it
/// calls: that subgraphs exist and take and give what the op passes (counts and types), that no
/// subgraph calls itself directly or through others, types of conditions and of variables' handles.
/// bad_file naming the op otherwise. Returns the graphs that the main one reaches, it among them,
/// callees before callers.
std::vector<int> check_calls(const Model& model);

}  // namespace smelt
