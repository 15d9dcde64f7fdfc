#pragma once

#include "smelt/run/program.h"

namespace smelt {

/// Places tensors, scratch and state of a graph's steps into one arena. unsupported where it would
/// be larger than the options allow.
MemoryPlan plan_memory(const Graph& graph, const std::vector<Step>& steps,
                       const ProgramOptions& options);

/// unsupported where so many bytes are more than the options allow.
void check_memory(int64_t bytes, const ProgramOptions& options);

}  // namespace smelt
