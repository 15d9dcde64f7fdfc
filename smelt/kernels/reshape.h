#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// RESHAPE, SQUEEZE, EXPAND_DIMS, DROPOUT (the identity at inference), BITCAST: the bytes of
/// operand 0, for every type of fixed size. What the other operands say has gone into the result's
/// shape.
Kernel prepare_reshape(const PrepareArgs& args);
Kernel prepare_bitcast(const PrepareArgs& args);

/// The operand's sizes as int32 or int64; its rank as int32.
Kernel prepare_shape(const PrepareArgs& args);
Kernel prepare_rank(const PrepareArgs& args);

}  // namespace smelt
