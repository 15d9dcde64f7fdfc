#pragma once

#include "smelt/ir/model.h"
#include "smelt/passes/recurrent_cell.h"

namespace smelt {

// The forms that lower_recurrent gives a RECURRENT op. Each writes ops in front of the op that
// compute the values of its results; lower_recurrent puts them in the results' place.

/// y, h and c; none where nobody asks for them.
using RecurrentValues = std::vector<TensorId>;

/// True where UNIDIRECTIONAL_SEQUENCE_LSTM computes the layer: LSTM with tanh and sigmoid, no mask,
/// initial states of zeros (or those of a stateful layer), no need of the last cell state.
bool can_fuse(const Graph& graph, const RecurrentLayer& layer);

RecurrentValues emit_fused(OpEmitter& emit, const RecurrentLayer& layer);

/// All steps one behind the other; `initial` are the states to start with.
RecurrentValues emit_unrolled(OpEmitter& emit, const RecurrentLayer& layer,
                              const CellState& initial);

/// A WHILE op; the graphs of its condition and its body are appended to `graphs`, of which the
/// first has index `first_graph` in the model.
RecurrentValues emit_loop(OpEmitter& emit, const RecurrentLayer& layer, const CellState& initial,
                          std::vector<Graph>& graphs, int32_t first_graph);

}  // namespace smelt
