#pragma once

#include <optional>

#include "smelt/formats/tensorflow/node.h"

namespace smelt::tensorflow {

/// The call of a whole LSTM or GRU layer: Keras 2 marks the functions that compute one with the
/// attribute api_implements ("lstm_..." or "gru_..."). Their arguments are x, the initial states,
/// the kernels and biases, and perhaps a mask; their results the last output, all outputs and the
/// final states. Nothing for other functions.
std::optional<Values> recurrent_call(const Node& node, const proto::FunctionDef& function);

}  // namespace smelt::tensorflow
