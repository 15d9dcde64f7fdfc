#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// y[i] = f(x[i]), shapes equal; PRELU: alpha spreads over x.
// float32 everywhere. Integers as TFLite Micro computes them:
//   RELU                 int8, int16 with rescaling to the output (ReluQuantized); uint8 the same
//   RELU6                int8, int16 clamp between stored values, no rescaling (Relu6Quantized);
//                        uint8 with rescaling as LiteRT
//   RELU_N1_TO_1,
//   RELU_0_TO_1          int8, uint8 as LiteRT; TFLite Micro has no kernel
//   LOGISTIC, TANH       int8 in fixed point with 4 integer bits, output fixed at 1/256 and -128
//                        (1/128 and 0); int16 by interpolation in a table, output fixed at 2^-15;
//                        uint8 and other int8 outputs by LiteRT's table
//   LEAKY_RELU           int8, int16, uint8
//   PRELU                int8, uint8; int16 with int8 alpha
//   ELU                  int8 by table
//   HARD_SWISH           int8, uint8 in 16-bit fixed point
//   GELU                 int8, uint8, int16 by LiteRT's tables

Kernel prepare_relu(const PrepareArgs& args);
Kernel prepare_relu6(const PrepareArgs& args);
Kernel prepare_relu_n1_to_1(const PrepareArgs& args);
Kernel prepare_relu_0_to_1(const PrepareArgs& args);
Kernel prepare_logistic(const PrepareArgs& args);
Kernel prepare_tanh(const PrepareArgs& args);
Kernel prepare_leaky_relu(const PrepareArgs& args);
Kernel prepare_prelu(const PrepareArgs& args);
Kernel prepare_elu(const PrepareArgs& args);
Kernel prepare_hard_swish(const PrepareArgs& args);
Kernel prepare_gelu(const PrepareArgs& args);

}  // namespace smelt
