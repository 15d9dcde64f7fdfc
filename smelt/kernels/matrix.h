#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// Ops that only move values, of any type of 1, 2, 4 or 8 bytes.

/// MATRIX_DIAG: x [..., N] -> [..., N,N], zeros beside the diagonal.
Kernel prepare_matrix_diag(const PrepareArgs& args);
/// MATRIX_SET_DIAG: x [..., M,N], diagonal [..., min(M,N)] -> x with that diagonal.
Kernel prepare_matrix_set_diag(const PrepareArgs& args);
/// REVERSE_SEQUENCE: x, lengths [B] int32 or int64 -> x with the first lengths[b] elements of the
/// sequence axis in reverse order, for each b of the batch axis.
Kernel prepare_reverse_sequence(const PrepareArgs& args);
/// DILATE: x, dilations [rank] int32, padding value -> x with dilation - 1 padding values between
/// neighbours.
Kernel prepare_dilate(const PrepareArgs& args);

}  // namespace smelt
