#pragma once

#include "smelt/ir/tensor.h"

namespace smelt {

/// The values of a sparse constant written out densely (the DENSIFY op); bytes of
/// tensor.shape.elements() elements of tensor.type. bad_file where the index vectors are malformed.
/// Storage: TFLite's SparsityParameters (schema.fbs), as in the TACO paper: levels in traversal
/// order, each dense or compressed, blocks innermost.
Buffer densify(const Tensor& tensor);

}  // namespace smelt
