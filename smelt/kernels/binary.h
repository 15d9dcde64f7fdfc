#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// y = f(a, b); operands spread over the result as in NumPy. Fused activations of ADD, SUB, MUL and
// DIV are clamps. Integers (int8, int16: TFLite Micro's bytes; uint8: the same formulas, as
// LiteRT):
//   ADD, SUB              8 bits: both operands shifted left by 20 bits, scaled to twice the larger
//                         scale, added, scaled to the output; int16: 15 bits
//   MUL                   product of 32 bits, one multiplier
//   DIV                   8 bits, by a fixed-point reciprocal; a zero divisor saturates
//   MAXIMUM, MINIMUM      stored values as they are
//   SQUARED_DIFFERENCE    8 bits shifted by 7, int16 by 0
//   ADD_N                 float32, int32, int8
// int32 and int64 wrap around; dividing them by zero gives 0. Float min and max are the reference's
// comparisons (a > b ? a : b).

Kernel prepare_add(const PrepareArgs& args);
Kernel prepare_sub(const PrepareArgs& args);
Kernel prepare_mul(const PrepareArgs& args);
Kernel prepare_div(const PrepareArgs& args);
Kernel prepare_maximum(const PrepareArgs& args);
Kernel prepare_minimum(const PrepareArgs& args);
Kernel prepare_squared_difference(const PrepareArgs& args);
Kernel prepare_floor_div(const PrepareArgs& args);
Kernel prepare_floor_mod(const PrepareArgs& args);
Kernel prepare_pow(const PrepareArgs& args);
Kernel prepare_atan2(const PrepareArgs& args);
Kernel prepare_add_n(const PrepareArgs& args);

}  // namespace smelt
