#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// RECURRENT, a whole LSTM, GRU or simple recurrent layer in training form: operands, formulas and
/// results stand at RecurrentAttributes. float32, within 1e-5 of Keras.
Kernel prepare_recurrent(const PrepareArgs& args);

/// The function of each value; y may be x.
void activate(CellActivation activation, const float* x, int64_t count, float* y);

}  // namespace smelt
