#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// The quantized halves of binary.h; operands and result have one type, which the caller has
// checked.

Kernel quantized_add(const PrepareArgs& args, Activation activation);  ///< int8, uint8, int16
Kernel quantized_sub(const PrepareArgs& args, Activation activation);  ///< int8, uint8, int16
Kernel quantized_mul(const PrepareArgs& args, Activation activation);  ///< int8, uint8, int16
Kernel quantized_div(const PrepareArgs& args, Activation activation);  ///< int8, uint8
Kernel quantized_squared_difference(const PrepareArgs& args);          ///< int8, uint8, int16
Kernel quantized_add_n(const PrepareArgs& args);                       ///< int8

}  // namespace smelt
