#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// y[i] = f(x[i]), shapes equal; float32, and:
//   ABS      int8 and quantized int16 with rescaling (TFLite Micro); plain int16, int32
//   NEG      int32, int64 (wrapping)
//   RSQRT    int8, int16 in fixed point (TFLite Micro); values below real zero give the largest
//   one,
//            where the peers stop with an error
//   EXP, LOG int8, int16 by LiteRT's tables; LOG of what is not positive is the smallest value
//   SIGN     int32
//   SQUARE   int32, int64 (wrapping)
// ROUND goes to even on ties.

Kernel prepare_abs(const PrepareArgs& args);
Kernel prepare_neg(const PrepareArgs& args);
Kernel prepare_exp(const PrepareArgs& args);
Kernel prepare_log(const PrepareArgs& args);
Kernel prepare_sqrt(const PrepareArgs& args);
Kernel prepare_rsqrt(const PrepareArgs& args);
Kernel prepare_square(const PrepareArgs& args);
Kernel prepare_sin(const PrepareArgs& args);
Kernel prepare_cos(const PrepareArgs& args);
Kernel prepare_floor(const PrepareArgs& args);
Kernel prepare_ceil(const PrepareArgs& args);
Kernel prepare_round(const PrepareArgs& args);
Kernel prepare_sign(const PrepareArgs& args);

}  // namespace smelt
