#pragma once

#include <string_view>

#include "smelt/ir/model.h"

namespace smelt {

/// What recurrent layers become.
enum class RecurrentForm {
  /// UNIDIRECTIONAL_SEQUENCE_LSTM as TFLite's converter writes it where it computes the layer;
  /// else unrolled where that stays small (kMaxUnrolledOps, kMaxUnrolledBytes) or the layer asks
  /// for it; else a WHILE op.
  fused,
  unroll,    ///< every step as ops of its own
  while_op,  ///< a WHILE op with a condition and a body
  loopless,  ///< as fused, but unrolled in place of a WHILE op, whatever that takes
};

/// An unrolled layer may take so many ops: some 80 steps of a simple layer, 23 of a GRU, 21 of an
/// LSTM. It then runs about twice as fast in LiteRT as a loop does, and can be quantized; but each
/// op takes some 250 bytes of the file.
inline constexpr size_t kMaxUnrolledOps = 256;
/// The recurrent weights times the number of steps: LiteRT packs them once for each step, and
/// packed weights beyond the cache make loops the faster form.
inline constexpr size_t kMaxUnrolledBytes = 4 << 20;

std::string_view name(RecurrentForm form);

/// Rewrites every RECURRENT op; returns how many. unsupported where weights are not constant.
///
/// Fused layers keep their state in variable tensors, which the interpreter resets when it is asked
/// to, and not between invocations (as in files of TFLite's converter). Stateful layers of the
/// other forms keep it in resource variables, which a CALL_ONCE op sets to zeros.
int lower_recurrent(Model& model, RecurrentForm form = RecurrentForm::fused);

}  // namespace smelt
