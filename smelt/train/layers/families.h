#pragma once

#include "smelt/train/layer.h"

namespace smelt::train {

// One factory per family of ops; table.cpp lists the ops of each. They may rely on what the table
// makes sure of: samples stay apart (sample_axis.h), what is computed are floats (where values only
// move, any numbers), and of two operands that are one tensor the second one accumulates.

/// y = f(x) value by value: activations and elementary functions.
std::unique_ptr<Layer> make_unary(LayerArguments arguments);
/// y = f(a, b) with broadcasting; PRELU is f(x, alpha).
std::unique_ptr<Layer> make_binary(LayerArguments arguments);
/// ADD_N.
std::unique_ptr<Layer> make_sum_of_all(LayerArguments arguments);
/// SELECT, SELECT_V2: the condition gets no gradient.
std::unique_ptr<Layer> make_select(LayerArguments arguments);
/// SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION, LOCAL_RESPONSE_NORMALIZATION: rows of the last axis,
/// each by itself.
std::unique_ptr<Layer> make_row_wise(LayerArguments arguments);
/// MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD. Equal maxima share the gradient.
std::unique_ptr<Layer> make_reduction(LayerArguments arguments);
/// MAX_POOL_2D, AVERAGE_POOL_2D, L2_POOL_2D.
std::unique_ptr<Layer> make_pool(LayerArguments arguments);
/// Ops whose results are values of their operands in other places, and zeros: see index_map.cpp.
std::unique_ptr<Layer> make_index_map(LayerArguments arguments);
/// Ops that leave values and their order as they are: RESHAPE and the like.
std::unique_ptr<Layer> make_identity(LayerArguments arguments);
/// CAST: to floats the identity, to others forward only.
std::unique_ptr<Layer> make_cast(LayerArguments arguments);
/// DROPOUT.
std::unique_ptr<Layer> make_dropout(LayerArguments arguments);
/// RESIZE_BILINEAR.
std::unique_ptr<Layer> make_resize_bilinear(LayerArguments arguments);
/// CUMSUM.
std::unique_ptr<Layer> make_cumsum(LayerArguments arguments);
/// GATHER: values at constant places, or rows of a table at computed ones.
std::unique_ptr<Layer> make_gather(LayerArguments arguments);
/// EMBEDDING_LOOKUP.
std::unique_ptr<Layer> make_embedding_lookup(LayerArguments arguments);
/// BATCH_MATMUL.
std::unique_ptr<Layer> make_matmul(LayerArguments arguments);
/// TRANSPOSE_CONV.
std::unique_ptr<Layer> make_transpose_conv(LayerArguments arguments);
/// BATCH_NORMALIZATION.
std::unique_ptr<Layer> make_batch_norm(LayerArguments arguments);
/// RECURRENT.
std::unique_ptr<Layer> make_recurrent(LayerArguments arguments);
/// UNIDIRECTIONAL_SEQUENCE_RNN.
std::unique_ptr<Layer> make_sequence_rnn(LayerArguments arguments);
/// UNIDIRECTIONAL_SEQUENCE_LSTM without projection, peepholes and normalization.
std::unique_ptr<Layer> make_sequence_lstm(LayerArguments arguments);
/// Any op with a kernel, where no gradient has to pass it; otherwise unsupported.
std::unique_ptr<Layer> make_forward_only(LayerArguments arguments);

}  // namespace smelt::train
