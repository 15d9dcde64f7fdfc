#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL: shape int32 [r] -> float32, from the Philox 4x32-10
/// generator with the op's seeds, as TensorFlow and LiteRT compute them; each invocation goes on
/// where the last one ended. Without seeds the numbers would differ in each run: unsupported.
Kernel prepare_random_uniform(const PrepareArgs& args);
Kernel prepare_random_standard_normal(const PrepareArgs& args);

}  // namespace smelt
