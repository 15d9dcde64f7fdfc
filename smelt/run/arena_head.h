#pragma once

#include "smelt/run/arena_estimate.h"
#include "smelt/run/arena_kernels.h"

namespace smelt {

/// Scratch and persistent memory of every op of a model, [graph][position in execution order].
using ModelKernelMemory = std::vector<std::vector<KernelMemory>>;

/// The model's offsets of tensors planned beforehand, one per tensor of all graphs, -1 where the
/// planner decides; empty where it has none. bad_file where they do not fit the model.
std::vector<int32_t> offline_plan(const Model& model);

/// What the head of the arena holds.
struct ArenaHead {
  int64_t bytes = 0;
  int64_t planned_blocks = 0;  ///< blocks that the planner placed
  std::optional<ArenaOp> peak_op;
  std::vector<ArenaBlock> peak;
};

/// Plans activations and scratch buffers of all graphs as micro_allocation_info.cc does: time
/// counts ops, those of called graphs between the start and the end of the op that calls them.
ArenaHead plan_head(const Model& model, const ModelKernelMemory& kernels,
                    const std::vector<int32_t>& offline);

}  // namespace smelt
