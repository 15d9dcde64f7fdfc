#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// SVDF: x [N,I], feature weights [F,I], time weights [F,M], bias [U] or none, state [N, M F] in an
/// operand that is a variable -> y [N,U], U = F / rank. The state keeps the last M products of
/// every filter; y sums their products with the time weights over the filters of a unit. Types:
///   float32  with an activation
///   float32 with int8 weights, as reference_ops::EvalHybridSVDF
///   int8     with int16 or int8 time weights and state, as TFLite Micro's EvalIntegerSvdfReference
///            (there is no activation but what the scale of y cuts off)
Kernel prepare_svdf(const PrepareArgs& args);

}  // namespace smelt
