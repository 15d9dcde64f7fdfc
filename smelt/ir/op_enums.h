#pragma once

#include <cstdint>
#include <string_view>

namespace smelt {

/// same: output covers ceil(size / stride) positions, missing cells are padding, the odd one
/// behind. valid: no padding.
enum class Padding : int8_t { same = 0, valid = 1 };

/// Fused behind an op; the numbers are those of the TFLite schema.
enum class Activation : int8_t {
  none = 0,
  relu = 1,
  relu_n1_to_1 = 2,
  relu6 = 3,
  tanh = 4,
  sign_bit = 5,
};

enum class WeightsFormat : int8_t { plain = 0, shuffled4x16_int8 = 1 };

/// How options that no schema describes are stored.
enum class OptionsFormat : int8_t { flexbuffers = 0 };

std::string_view name(Padding padding);
std::string_view name(Activation activation);
std::string_view name(WeightsFormat format);
std::string_view name(OptionsFormat format);

}  // namespace smelt
