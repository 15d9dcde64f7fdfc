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

}  // namespace smelt
