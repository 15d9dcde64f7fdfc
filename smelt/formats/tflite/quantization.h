#pragma once

#include <functional>

#include "smelt/formats/tflite/budget.h"
#include "smelt/formats/tflite/shared_pool.h"
#include "smelt/ir/tensor.h"

namespace smelt::tflite {
namespace schema {
struct QuantizationParameters;
}

/// Quantization of a tensor of `shape`. Real files are met half-way: missing zero points are zeros,
/// one zero point holds for all scales, an axis that a per-tensor scale does not need is 0 where
/// the tensor has no such axis, and scales that fit only another axis than the one named (biases
/// marked with the filter's axis) belong to the one axis that a vector has.
Quantization read_quantization(const schema::QuantizationParameters& from, const Shape& shape,
                               int32_t tensor_count, Budget& budget);

/// A null offset where there is nothing to say. `index_of` gives the place of a tensor in the file,
/// -1 for none.
flatbuffers::Offset<schema::QuantizationParameters> write_quantization(
    const Quantization& from, const std::function<int32_t(TensorId)>& index_of, SharedPool& pool);

}  // namespace smelt::tflite
