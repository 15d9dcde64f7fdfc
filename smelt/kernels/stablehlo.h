#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// Elementwise STABLEHLO ops that LiteRT has kernels for: two operands of one type and shape;
// integers wrap.

Kernel prepare_stablehlo_add(const PrepareArgs& args);
Kernel prepare_stablehlo_multiply(const PrepareArgs& args);
Kernel prepare_stablehlo_maximum(const PrepareArgs& args);
Kernel prepare_stablehlo_minimum(const PrepareArgs& args);
Kernel prepare_stablehlo_and(const PrepareArgs& args);
Kernel prepare_stablehlo_shift_left(const PrepareArgs& args);

}  // namespace smelt
