#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// Simple recurrent cells: h = activation(W x + V h + b), y = h; weights W [units, I], V [units,
// units], state h [batch, units] in an operand that is a variable. float32 within 1e-5 of LiteRT;
// int8 weights with float32 activations as kernel_utils::RnnBatchStep quantizes.

/// x [batch, I] -> y [batch, units].
Kernel prepare_rnn(const PrepareArgs& args);
/// x [batch, time, I], or [time, batch, I] -> y [.., units].
Kernel prepare_unidirectional_sequence_rnn(const PrepareArgs& args);
/// Two cells, the second one from the end of the sequence on; merged results lie side by side.
/// Results are LiteRT's also where its kernel is odd: in batch-major order the backward cell does
/// not read an input of its own, and int8 weights run through a time-major sequence once for each
/// step.
Kernel prepare_bidirectional_sequence_rnn(const PrepareArgs& args);

}  // namespace smelt
