#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// FULLY_CONNECTED: x of N * I values, w [O,I], b [O] -> y of N * O values; float32, int8, int16,
/// uint8; one scale for all weights or one per output. Weights may be computed at run time.
/// Integers as reference_integer_ops::FullyConnected(PerChannel) of TFLite Micro.
Kernel prepare_fully_connected(const PrepareArgs& args);

}  // namespace smelt
