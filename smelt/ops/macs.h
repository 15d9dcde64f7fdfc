#pragma once

#include "smelt/ir/graph.h"

namespace smelt {

/// Multiply-accumulates of one invocation of the op, from the shapes in the graph; 0 for ops that
/// do not multiply matrices. Padding cells count, as everybody counts them. Saturates at int64.
int64_t macs(const Graph& graph, OpId id);
int64_t macs(const Graph& graph);

}  // namespace smelt
