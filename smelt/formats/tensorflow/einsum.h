#pragma once

#include <string>
#include <vector>

#include "smelt/formats/tensorflow/builder.h"

namespace smelt::tensorflow {

/// x [..., M,K] times w [..., K,N]; a dense layer where w is a constant matrix.
TensorId matmul(Builder& graph, TensorId x, TensorId w, bool transpose_x, bool transpose_w);

/// Einstein's sum over one or two operands, "abc,cde->abde": axes are brought in order, grouped to
/// batch, rows, columns and what is summed over, multiplied as matrices and ungrouped.
/// unsupported for letters that stand twice in one operand.
TensorId einsum(Builder& graph, const std::string& equation, const std::vector<TensorId>& operands);

}  // namespace smelt::tensorflow
