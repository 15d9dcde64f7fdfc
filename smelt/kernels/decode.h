#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// TFLM_DECODE: pairs of constants (codes, description) -> one tensor each, whose values were
/// compressed with a lookup table, as Huffman codes or by leaving out zeros. Everything is decoded
/// when the op is prepared. The description starts with 16 bytes: kind, version 1, two unused, and
/// from byte 4 on fields of the kind; its table follows (kernels/decode_state*.h).
Kernel prepare_decode(const PrepareArgs& args);

}  // namespace smelt
