#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// An index that is known when the kernel is prepared and lies outside is bad_file; one that turns
// up at run time gives zeros (the peers stop with an error there; a kernel cannot). Negative
// indices lie outside. Values are moved as stored, of any type of 8 bits or more; indices are int16
// (GATHER), int32 or int64.

/// GATHER (x, indices): slices of x along an axis, with leading batch axes in common.
Kernel prepare_gather(const PrepareArgs& args);

/// GATHER_ND (x, indices [..., k]): the slices x[i0, ..., ik-1].
Kernel prepare_gather_nd(const PrepareArgs& args);

/// EMBEDDING_LOOKUP (ids [n], table [rows, ...]); an int8 table with a float32 result is
/// dequantized with its scale, per tensor.
Kernel prepare_embedding_lookup(const PrepareArgs& args);

/// ONE_HOT (indices, depth, on, off): on where the new axis equals the index, else off.
Kernel prepare_one_hot(const PrepareArgs& args);

}  // namespace smelt
