#pragma once

#include <cstdint>

#include "smelt/ir/model.h"

namespace smelt {

/// The machine whose memory is counted.
enum class MicroTarget {
  microcontroller,  ///< 32-bit pointers, TensorFlow Lite Micro as firmware builds it
  host,             ///< 64-bit, the recording interpreter of the tflite_micro Python package
};

/// Bytes of the tensor arena that TensorFlow Lite Micro needs to run a model.
struct ArenaEstimate {
  int64_t head = 0;        ///< activations and scratch, as its greedy planner places them
  int64_t persistent = 0;  ///< tensor and node tables, data of kernels, variables
  int64_t total() const { return head + persistent; }
};

/// The estimate for the model as it is written, with reference kernels (those of CMSIS-NN and other
/// libraries ask for more scratch memory). Shapes are those in the graph, so it must be at batch 1.
/// The head is exact for one subgraph without an offline memory plan; the persistent part rests on
/// the sizes of structs, and is a few percent off for ops whose kernels are not in the table.
/// Subgraphs besides the main one count with their tables only.
ArenaEstimate estimate_arena(const Model& model, MicroTarget target = MicroTarget::microcontroller);

}  // namespace smelt
