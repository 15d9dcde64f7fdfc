#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// y = exp(beta * x) / sum over the last axis. float32; int8 -> int8 or int16 and uint8 -> uint8 in
/// fixed point with 5 integer bits for the exponent and 12 for the sum; int16 -> int16 by tables.
/// The output's scale is fixed: 1/256 at -128 (uint8: at 0), 1/65536 at -32768 (int8 -> int16),
/// 1/32768 at 0 (int16). Source: TFLite Micro's softmax_common.cc, reference/softmax.h.
Kernel prepare_softmax(const PrepareArgs& args);

/// y = x - log(sum(exp(x))) over the last axis. float32; int8 with an output scale of 1/16 at 127.
/// Source: TFLite Micro's log_softmax.cc, reference/log_softmax.h.
Kernel prepare_log_softmax(const PrepareArgs& args);

}  // namespace smelt
