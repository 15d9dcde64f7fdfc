#pragma once

#include <vector>

#include "smelt/formats/keras/layer.h"

namespace smelt::keras {

// Recurrent layers: settings and weights of a cell, and the RECURRENT op over a sequence.

/// A cell with its weights as operands of RECURRENT.
struct Cell {
  RecurrentAttributes attributes;
  int32_t units = 0;
  TensorId kernel, recurrent, bias, recurrent_bias;
};

/// The cell whose settings are those of the layer and whose weights lie at its path, for inputs of
/// so many features. Weights may be stored as CuDNNLSTM and CuDNNGRU order them (tf.keras,
/// hdf5_format, _convert_rnn_weights). unsupported for activations that RECURRENT does not know.
Cell read_cell(const Layer& layer, RecurrentCell kind, int32_t inputs);

/// How a layer runs over its input, as its settings say.
struct SequenceOptions {
  explicit SequenceOptions(const Config& config);

  bool return_sequences, return_state, go_backwards, stateful, unroll, time_major;
  bool zero_output_for_mask;

  RecurrentAttributes with(RecurrentAttributes attributes) const;
};

/// The input x [N,T,...] of a recurrent layer, its mask [N,T] or none, and initial states, empty
/// where there are none.
struct SequenceInput {
  TensorId x, mask;
  std::vector<TensorId> states;
};
SequenceInput sequence_input(const Layer& layer, const SequenceOptions& options);

/// y and the final states. `states` names variables where the layer is stateful.
std::vector<TensorId> run_cell(const Layer& layer, const Cell& cell, const SequenceInput& input,
                               const SequenceOptions& options);

/// What the layer gives of y and the states: y with its mask, and the states where it returns them.
Results recurrent_results(const Layer& layer, const SequenceInput& input,
                          const SequenceOptions& options, std::vector<TensorId> values);

/// Mask or sequence [N,T,...] from its last step to its first.
TensorId reversed_in_time(const Layer& layer, TensorId x);

/// The weights that a recurrent layer {"class_name", "config"} has, in Keras's order.
size_t count_weights(const Json& spec);

}  // namespace smelt::keras
