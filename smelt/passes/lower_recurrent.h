#pragma once

#include <string_view>

#include "smelt/ir/model.h"

namespace smelt {

/// What recurrent layers become.
enum class RecurrentForm {
  /// UNIDIRECTIONAL_SEQUENCE_LSTM as TFLite's converter writes it where it computes the layer;
  /// else unrolled where that takes up to kMaxUnrolledOps ops, or the layer asks for it, or the
  /// batch is fixed by states that are kept; else a WHILE op.
  fused,
  unroll,   ///< every step as ops of its own
  while_op  ///< a WHILE op with a condition and a body
};

/// An unrolled layer may take so many ops. Some 64 steps of a simple layer, 24 of a GRU, 20 of an
/// LSTM; then the file grows by about 60 kB, which a loop does not need.
inline constexpr size_t kMaxUnrolledOps = 256;

std::string_view name(RecurrentForm form);

/// Rewrites every RECURRENT op; returns how many. unsupported where weights are not constant.
///
/// Fused layers keep their state in variable tensors, which the interpreter resets when it is asked
/// to, and not between invocations (as in files of TFLite's converter). Stateful layers of the
/// other forms keep it in resource variables, which a CALL_ONCE op sets to zeros.
int lower_recurrent(Model& model, RecurrentForm form = RecurrentForm::fused);

}  // namespace smelt
