#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// CONCATENATION: operands behind each other along an axis, any type of 8 bits or more. Quantized
/// operands must have the result's scale and zero point, as TFLite Micro demands; uint8 ones are
/// rescaled otherwise, in float arithmetic (ConcatenationWithScaling).
Kernel prepare_concatenation(const PrepareArgs& args);

/// PACK: operands of equal shape along a new axis. UNPACK: the inverse.
Kernel prepare_pack(const PrepareArgs& args);
Kernel prepare_unpack(const PrepareArgs& args);

/// SPLIT (axis, x) into equal parts; SPLIT_V (x, sizes, axis) into given ones.
Kernel prepare_split(const PrepareArgs& args);
Kernel prepare_split_v(const PrepareArgs& args);

}  // namespace smelt
