#pragma once

#include "smelt/ir/fields.h"
#include "smelt/ir/op_enums.h"

namespace smelt {

// Attributes of recurrent ops; see attributes.h.

/// The LSTM op; basic is the old kernel with 5 inputs.
struct LstmAttributes {
  Activation activation = Activation::none;
  float cell_clip = 0.0f;
  float proj_clip = 0.0f;
  bool basic = false;
  bool asymmetric_quantize_inputs = false;

  SMELT_FIELDS(activation, cell_clip, proj_clip, basic, asymmetric_quantize_inputs)
  bool operator==(const LstmAttributes&) const = default;
};

/// UNIDIRECTIONAL_SEQUENCE_LSTM.
struct SequenceLstmAttributes {
  Activation activation = Activation::none;
  float cell_clip = 0.0f;
  float proj_clip = 0.0f;
  bool time_major = false;
  bool asymmetric_quantize_inputs = false;
  bool diagonal_recurrent_tensors = false;

  SMELT_FIELDS(activation, cell_clip, proj_clip, time_major, asymmetric_quantize_inputs,
               diagonal_recurrent_tensors)
  bool operator==(const SequenceLstmAttributes&) const = default;
};

struct BidirectionalLstmAttributes {
  Activation activation = Activation::none;
  float cell_clip = 0.0f;
  float proj_clip = 0.0f;
  bool merge_outputs = false;
  bool time_major = true;
  bool asymmetric_quantize_inputs = false;

  SMELT_FIELDS(activation, cell_clip, proj_clip, merge_outputs, time_major,
               asymmetric_quantize_inputs)
  bool operator==(const BidirectionalLstmAttributes&) const = default;
};

struct RnnAttributes {
  Activation activation = Activation::none;
  bool asymmetric_quantize_inputs = false;

  SMELT_FIELDS(activation, asymmetric_quantize_inputs)
  bool operator==(const RnnAttributes&) const = default;
};

struct SequenceRnnAttributes {
  bool time_major = false;
  Activation activation = Activation::none;
  bool asymmetric_quantize_inputs = false;

  SMELT_FIELDS(time_major, activation, asymmetric_quantize_inputs)
  bool operator==(const SequenceRnnAttributes&) const = default;
};

struct BidirectionalRnnAttributes {
  bool time_major = false;
  Activation activation = Activation::none;
  bool merge_outputs = false;
  bool asymmetric_quantize_inputs = false;

  SMELT_FIELDS(time_major, activation, merge_outputs, asymmetric_quantize_inputs)
  bool operator==(const BidirectionalRnnAttributes&) const = default;
};

struct SvdfAttributes {
  int32_t rank = 0;
  Activation activation = Activation::none;
  bool asymmetric_quantize_inputs = false;

  SMELT_FIELDS(rank, activation, asymmetric_quantize_inputs)
  bool operator==(const SvdfAttributes&) const = default;
};

/// A whole recurrent layer, in training form. G gates of U units each; operands
///   0 x [N,T,I]
///   1 kernel [G*U,I]            rows of the gates one behind the other: LSTM input, forget,
///   2 recurrent kernel [G*U,U]    candidate, output; GRU update, reset, candidate; simple one
///   3 bias [G*U]                or absent
///   4 recurrent bias [G*U]      or absent; GRU with reset_after only
///   5 mask [N,T] bool           or absent; steps where it is false are skipped
///   6 initial output h [N,U]    or absent: zeros
///   7 initial cell state c [N,U]  or absent: zeros; LSTM only
/// -> y [N,T,U] with return_sequences, else that of the last step [N,U]; then, or not, all final
/// states h [N,U] and (LSTM) c [N,U]. With W, V, b, d the kernels and biases, s the recurrent
/// activation and g the activation:
///   simple  h' = g(W x + b + V h)
///   LSTM    i, f, o = s(W x + b + V h); c' = f c + i g(W x + b + V h); h' = o g(c')
///   GRU     z, r = s(W x + b + V h + d); h' = z h + (1 - z) k with
///           k = g(W x + b + V (r h)), or with reset_after g(W x + b + r (V h + d))
/// A skipped step keeps the state and repeats the output of the step before it (zeros at first).
struct RecurrentAttributes {
  RecurrentCell cell = RecurrentCell::lstm;
  CellActivation activation = CellActivation::tanh;
  CellActivation recurrent_activation = CellActivation::sigmoid;
  bool reset_after = false;
  bool return_sequences = false;
  bool go_backwards = false;          ///< from the last step to the first; y in that order too
  bool zero_output_for_mask = false;  ///< skipped steps give zeros
  bool stateful = false;  ///< operands 6 and 7 are variables, which keep the final states
  bool unroll = false;    ///< a hint of who made the model
  float dropout = 0.0f;   ///< of x and of h in training; nothing at inference
  float recurrent_dropout = 0.0f;

  SMELT_FIELDS(cell, activation, recurrent_activation, reset_after, return_sequences, go_backwards,
               zero_output_for_mask, stateful, unroll, dropout, recurrent_dropout)
  bool operator==(const RecurrentAttributes&) const = default;

  /// Gates G and states (1: h; 2: h and c) of the cell.
  int32_t gates() const {
    return cell == RecurrentCell::lstm ? 4 : cell == RecurrentCell::gru ? 3 : 1;
  }
  size_t states() const { return cell == RecurrentCell::lstm ? 2 : 1; }
};

}  // namespace smelt
