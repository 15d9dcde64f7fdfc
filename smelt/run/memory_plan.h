#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// A block of memory that is needed from step `first` to step `last`, both included.
struct MemoryRequest {
  int64_t bytes = 0;
  int first = 0;
  int last = 0;
  int64_t offset = -1;  ///< where a plan made beforehand puts it; -1: the planner decides
};

/// Offsets for requests so that no two alive at the same step overlap. Greedy by size as TFLite
/// Micro's GreedyMemoryPlanner does it: larger blocks first, each at the lowest offset that is free
/// during its life; of equal blocks the one given last goes first. Blocks whose offset is given go
/// in front of all others, unchecked against each other. Offsets that it chooses are multiples of
/// `alignment` where the given ones are. unsupported where sizes leave int64.
/// Returns one offset per request; `total` is the memory needed.
std::vector<int64_t> plan_greedily(std::span<const MemoryRequest> requests, int64_t alignment,
                                   int64_t& total);

/// Where tensors lie in an interpreter's memory.
struct MemoryPlan {
  std::vector<int64_t> offset;          ///< per tensor id; -1: not in the arena (constants)
  std::vector<int64_t> scratch_offset;  ///< per step
  std::vector<int64_t> state_offset;    ///< per step
  int64_t arena_bytes = 0;              ///< tensors, scratch and state
};

}  // namespace smelt
