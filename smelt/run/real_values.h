#pragma once

#include <span>

#include "smelt/ir/tensor.h"

namespace smelt {

/// Stores real values in a tensor's own type: quantized tensors as round(value / scale) +
/// zero_point (ties to even, as NumPy does, clamped to the type), integer tensors rounded and
/// clamped, floats as they are. bytes.size() must hold values.size() elements.
/// unsupported where the type holds no numbers.
void store_real(const Tensor& tensor, std::span<const float> values, std::span<uint8_t> bytes);

/// The real values that stored elements stand for.
void load_real(const Tensor& tensor, std::span<const uint8_t> bytes, std::span<float> values);

}  // namespace smelt
