#pragma once

#include <string>
#include <vector>

#include "smelt/formats/keras/layer.h"

namespace smelt::keras {

/// x [..., I], kernel [O,I], bias [O] or none -> [..., O].
TensorId fully_connected(GraphWriter& graph, TensorId x, TensorId kernel, TensorId bias);

/// Settings of an EinsumDense layer.
struct DenseEquation {
  std::string equation;               ///< "abc,cd->abd"
  std::string bias_axes;              ///< labels of the result, empty without a bias
  std::vector<int32_t> output_shape;  ///< without the batch; 0: as the input has it
  float scale = 1;                    ///< of the result, by a factor of its own
};

/// Weights "kernel" and "bias" of the layer, its activation behind: a FULLY_CONNECTED wherever the
/// operands share no axis of the result.
TensorId einsum_dense(const Layer& layer, const DenseEquation& dense, TensorId x);

}  // namespace smelt::keras
