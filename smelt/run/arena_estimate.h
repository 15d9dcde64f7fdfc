#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

/// The machine whose memory is counted.
enum class MicroTarget {
  microcontroller,  ///< 32-bit pointers, TensorFlow Lite Micro as firmware builds it
  host,             ///< 64-bit, the recording interpreter of the tflite_micro Python package
};

/// A block of the head: a tensor's value, or a kernel's scratch buffer ("scratch of ...").
struct ArenaBlock {
  std::string name;
  int64_t bytes = 0;
};

/// An op of a graph of the model.
struct ArenaOp {
  size_t graph = 0;
  OpId op;
};

/// Bytes of the tensor arena that TensorFlow Lite Micro needs to run a model.
struct ArenaEstimate {
  int64_t head = 0;        ///< activations and scratch, as its greedy planner places them
  int64_t persistent = 0;  ///< the tail: tensor and node tables, data of kernels, variables
  /// What it takes at least while it prepares the model, when temporary tensors and the planner's
  /// own tables stand where activations will be. Matters for models with many small tensors.
  int64_t preparing = 0;

  /// When the most bytes are alive together; none without ops.
  std::optional<ArenaOp> peak_op;
  std::vector<ArenaBlock> peak;  ///< what is alive then, largest first

  /// Bytes in use when it is ready, what its recording allocator prints.
  int64_t used() const { return head + persistent; }
  /// Bytes that it must be given.
  int64_t total() const { return used() > preparing ? used() : preparing; }
};

/// The estimate for the model as it is written, with reference kernels (those of CMSIS-NN and other
/// libraries ask for more scratch memory). Shapes are those in the graph, so it must be at batch 1.
/// Follows micro_allocator.cc, micro_allocation_info.cc, greedy_memory_planner.cc and the kernels
/// (see arena_kernels.h) of tensorflow/lite/micro, all subgraphs together; an offline memory plan
/// in the metadata "OfflineMemoryAllocation" is obeyed. Weights count as plain constants, which the
/// reader of .tflite makes of those compressed by metadata. unsupported where a value has a type
/// that TensorFlow Lite Micro does not know; bad_file where the offline plan does not fit the
/// model.
ArenaEstimate estimate_arena(const Model& model, MicroTarget target = MicroTarget::microcontroller);

}  // namespace smelt
