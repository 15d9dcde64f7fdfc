#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/run/arena_estimate.h"

namespace smelt {

struct TensorSummary {
  std::string name;
  std::string type;
  Shape shape;                 ///< -1 where the file leaves an axis open
  std::optional<float> scale;  ///< per-tensor quantization
  std::optional<int64_t> zero_point;
};

struct OpSummary {
  std::string name;  ///< layer that it comes from, or its first result
  std::string type;
  std::string attributes;
  std::vector<std::string> inputs;  ///< names of computed operands
  TensorSummary output;             ///< the first result
  std::string weight_quantization;  ///< "int8 per channel", empty without weights
  int64_t parameters = 0;           ///< elements of weights and biases
  int64_t macs = 0;                 ///< multiply-accumulates for one sample
};

/// Memory that TFLite Micro needs; see ArenaEstimate.
struct ArenaSummary {
  int64_t host_bytes = 0;  ///< in use on a 64-bit host, as its recording allocator prints it
  int64_t mcu_bytes = 0;   ///< to give on a 32-bit microcontroller, of which
  int64_t head = 0;        ///< activations and scratch
  int64_t tail = 0;        ///< persistent
  std::string peak_op;     ///< when the most activations are alive; empty without ops
  std::vector<ArenaBlock> peak_tensors;
};

/// What a model is made of, for `smelt inspect`.
struct ModelSummary {
  std::string path;
  std::string format;
  std::string description;
  int64_t file_bytes = 0;
  size_t subgraphs = 1;
  std::vector<TensorSummary> inputs;
  std::vector<TensorSummary> outputs;
  std::vector<OpSummary> ops;

  int64_t parameters = 0;
  int64_t macs = 0;

  // Where the bytes are.
  int64_t weight_bytes = 0;  ///< constants of floats and quantized values, biases left out
  int64_t bias_bytes = 0;
  int64_t other_constant_bytes = 0;  ///< shapes, axes, paddings, tables
  int64_t quantization_bytes = 0;    ///< scales and zero points, before sharing
  int64_t name_bytes = 0;
  int64_t metadata_bytes = 0;

  /// Memory that TFLite Micro needs; absent, with the reason, where the model cannot run there.
  std::optional<ArenaSummary> arena;
  std::string arena_unknown_because;
};

ModelSummary summarize(const Model& model);

/// The arena that TFLite Micro needs; nothing, with the reason in `why`, where the model is in
/// training form or its memory cannot be planned.
std::optional<ArenaSummary> summarize_arena(const Model& model, std::string* why = nullptr);

/// Bytes of arena for TFLite Micro on a 32-bit microcontroller; nothing, with the reason in `why`,
/// where the model is in training form or its memory cannot be planned.
std::optional<int64_t> micro_arena_bytes(const Model& model, std::string* why = nullptr);

}  // namespace smelt
