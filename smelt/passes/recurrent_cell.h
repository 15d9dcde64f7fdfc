#pragma once

#include <vector>

#include "smelt/passes/op_emitter.h"

namespace smelt {

// What the unrolled and the looping form of RECURRENT share: one step in TFLite's builtin ops.

/// A RECURRENT op with what follows from its operands.
struct RecurrentLayer {
  RecurrentLayer(const Graph& graph, OpId id);

  Op op;
  RecurrentAttributes attributes;
  int32_t batch = 0, time = 0, inputs = 0, units = 0;
  bool open_batch = false, open_time = false;
  std::span<const float> kernel, recurrent, bias, recurrent_bias;  ///< empty where absent

  TensorId mask() const { return op.input(5); }
  /// Operand of state i: 0 is h, 1 is c.
  TensorId initial(size_t i) const { return op.input(6 + i); }
  /// Result i; none where the op lacks it or nobody reads it.
  TensorId result(const Graph& graph, size_t i) const;
  Shape state_shape() const { return {batch, units}; }
};

/// The products of x are taken in parts, which a step adds to as wholes: all four gates of LSTM;
/// update and reset gate, then the candidate of GRU.
struct GatePart {
  int32_t first = 0;  ///< row of the kernels
  int32_t rows = 0;
};
std::vector<GatePart> gate_parts(const RecurrentLayer& layer);

/// W x + b of each part: x [N,T,I] -> [N,T,rows]. Biases that a step would only add up are joined.
std::vector<TensorId> emit_input_products(OpEmitter& emit, const RecurrentLayer& layer, TensorId x);

/// Weights of a step as constants of the graph that it is written to.
struct StepWeights {
  std::vector<TensorId> recurrent;  ///< per part [rows, units]
  TensorId candidate_bias;          ///< of GRU with reset_after, or none
};
StepWeights add_step_weights(OpEmitter& emit, const RecurrentLayer& layer);

/// h and c [N,units]; none stands for zeros.
struct CellState {
  TensorId h, c;
};

/// One step of the cell: the products of x for it [N,rows] and the state before -> the state after.
CellState emit_step(OpEmitter& emit, const RecurrentLayer& layer, const StepWeights& weights,
                    const std::vector<TensorId>& x, const CellState& before);

/// How many ops emit_step takes at most.
size_t ops_per_step(const RecurrentLayer& layer);

/// kept where mask [N,1] is true, else `other`; an `other` of none stands for zeros.
TensorId emit_choice(OpEmitter& emit, TensorId mask, TensorId kept, TensorId other);

}  // namespace smelt
