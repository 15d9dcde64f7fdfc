#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// y = a op b as bool; operands spread as in NumPy. float32, int32, int64, and for EQUAL and
// NOT_EQUAL bool. int8 and uint8 are brought to real values in fixed point first (left shift 8, one
// multiplier per operand, each scale below 1), as TFLite Micro does; int16 must have equal scales.

Kernel prepare_equal(const PrepareArgs& args);
Kernel prepare_not_equal(const PrepareArgs& args);
Kernel prepare_greater(const PrepareArgs& args);
Kernel prepare_greater_equal(const PrepareArgs& args);
Kernel prepare_less(const PrepareArgs& args);
Kernel prepare_less_equal(const PrepareArgs& args);

// bool operands and result.

Kernel prepare_logical_and(const PrepareArgs& args);
Kernel prepare_logical_or(const PrepareArgs& args);
Kernel prepare_logical_not(const PrepareArgs& args);

/// SELECT (condition, a, b): a condition of one value, of a's first axis, or of a's shape.
/// SELECT_V2: all three spread as in NumPy. Values of 8 bits or more are moved as stored.
Kernel prepare_select(const PrepareArgs& args);
Kernel prepare_select_v2(const PrepareArgs& args);

}  // namespace smelt
