#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// An op of a quantized graph and the float op that it was made from.
struct OpMatch {
  OpId quantized;
  OpId reference;
  /// For each operand of the float op the operand of the quantized one that stands for it; -1 where
  /// the float op's operand is absent or the quantized op has none (a bias of zeros left out).
  std::vector<int> sources;
};

/// Which parts of two graphs compute the same.
struct Alignment {
  std::vector<OpMatch> ops;  ///< in execution order of the quantized graph
  /// Inputs and results of the quantized graph, and the float tensors of the same values; results
  /// of QUANTIZE and DEQUANTIZE stand for what they convert.
  std::map<TensorId, TensorId> tensors;
  std::vector<std::string> unmatched;  ///< what has no counterpart, in words
  /// How many of the ops with weights there are, and how many whose weights differ from the float
  /// op's by more than rounding them to 4 bits does.
  int with_weights = 0, with_other_weights = 0;
};

enum class AlignBy {
  structure,  ///< names of results, operands and constants
  ids,        ///< the quantized graph is `apply`'s work on the float one: ops keep their ids
};

/// Finds for each op of `quantized` its counterpart in `reference` (the float model in inference
/// form). Two ops match where type, fused activation, shapes of results and whole-number constants
/// agree and their operands stand for the same tensors. Of several such ops the one is taken whose
/// result has the same name, else the one whose weights are nearest. Behind an op without a
/// counterpart, names of results and nearly equal weights find the way back. What stays ambiguous
/// is listed, not guessed. bad_argument where the graphs have other inputs.
Alignment align(const Graph& reference, const Graph& quantized, AlignBy by);

/// bad_argument where the graphs have other inputs.
void require_same_inputs(const Graph& reference, const Graph& quantized);

/// True for QUANTIZE and DEQUANTIZE, whose results stand for the values of their operands.
bool is_bridge(OpType type);

/// True for computed values: neither constant, nor state, nor absent.
bool is_computed(const Graph& graph, TensorId id);

}  // namespace smelt
