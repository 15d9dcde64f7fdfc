#pragma once

#include "smelt/train/fake_quant.h"

namespace smelt::train {

/// What quantization-aware training rounds inside of a recurrent layer (RECURRENT or
/// UNIDIRECTIONAL_SEQUENCE_LSTM); its input and result are rounded outside. Points that are null
/// stay float. Gradients pass straight through all of them, where values lie inside of the range;
/// a learned range of `hidden` gets what was clipped, those of the others are taken as they are.
///
/// An integer LSTM (kernels/lstm_cell.h) rounds weights to int8 with one scale per gate, `hidden`
/// at every step as the result y, and `cell` to int16 with a scale that is a power of two. Layers
/// that run unrolled round whatever is a tensor there: `products`, `sums`, `gates`, `candidate`.
struct RecurrentQuant {
  bool weights = false;        ///< round kernels symmetrically to [-largest, largest]
  int32_t largest = 127;       ///< of kernels
  int64_t rows_per_scale = 0;  ///< of kernels: units for one per gate, 1 per channel, 0 for all
  const FakeQuant* input_product = nullptr;      ///< W x + b
  const FakeQuant* recurrent_product = nullptr;  ///< V h (+ d)
  const FakeQuant* sums = nullptr;       ///< what the activations of gates and candidate read
  const FakeQuant* gates = nullptr;      ///< results of the recurrent activation
  const FakeQuant* candidate = nullptr;  ///< of the activation: candidates
  const FakeQuant* cell = nullptr;       ///< LSTM: c at every step
  const FakeQuant* hidden = nullptr;     ///< h at every step
};

/// Rounds from now on; `quant` points to FakeQuants that live as long as the layer. False where the
/// layer is no recurrent one.
bool set_recurrent_quant(Layer& layer, const RecurrentQuant& quant);

}  // namespace smelt::train
