#pragma once

#include "smelt/ir/model.h"

namespace smelt {

/// Gives every graph input `n` samples in its leading axis, and rewrites constants that state a
/// batch of 1 as the shape of a result (RESHAPE, TRANSPOSE_CONV); states of LSTM ops get a row for
/// each sample. Shapes of other tensors are stale
/// until they are inferred. bad_argument where an input has no leading axis of 1.
void set_batch(Graph& graph, int n);

/// A number of samples per invocation that suits the caches and `count` samples; 1 where the model
/// is not batchable. Depends on nothing but the model and the count.
int choose_batch(const Model& model, int64_t count);

}  // namespace smelt
