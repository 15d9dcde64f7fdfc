#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// LSTM cells over a sequence: x [time, batch, I] (or [batch, time, I]) -> y [.., O], with output
// and cell state in operands that are variables. Gates may be coupled (no input gate), have
// peephole weights, layer normalization and a projection. Types:
//   float32        within 1e-5 of LiteRT (lstm_eval::EvalFloat)
//   float32 with int8 weights ("hybrid"): LiteRT's EvalHybrid, sums of products exact
//   int8, int16    with int8 weights and int16 cell state. 24 operands without optional parts:
//   TFLite
//                  Micro's bytes (lstm_eval.h). Otherwise, and for the LSTM op, int8 as LiteRT's
//                  EvalInteger8x8_16 (5 intermediate tensors) and EvalInteger8x8_8 (12)
//   uint8          the basic form of LSTM: 5 operands, 4 results, int16 state (reference LstmCell)

/// One step: x [batch, I] -> y [batch, O]; or the basic form.
Kernel prepare_lstm(const PrepareArgs& args);
Kernel prepare_unidirectional_sequence_lstm(const PrepareArgs& args);
/// Two cells, the second one from the end of the sequence on; merged results lie side by side.
/// float32 and hybrid.
Kernel prepare_bidirectional_sequence_lstm(const PrepareArgs& args);

/// The basic form of LSTM: x [batch, I], previous output and state [batch, O], weights [4 O, I + O]
/// and bias [4 O] of input, candidate, forget and output gate -> output, state, and two scratch
/// results. float32; uint8 with zero point 128 and int16 state in 1/2048.
Kernel prepare_basic_lstm(const PrepareArgs& args);

}  // namespace smelt
