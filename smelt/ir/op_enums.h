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

/// What a recurrent layer repeats; see RecurrentAttributes.
enum class RecurrentCell : int8_t { simple = 0, lstm = 1, gru = 2 };

/// Functions inside of recurrent cells, as Keras defines them.
enum class CellActivation : int8_t {
  linear = 0,
  tanh = 1,
  sigmoid = 2,
  hard_sigmoid = 3,    ///< Keras 2: min(max(0.2 x + 0.5, 0), 1)
  hard_sigmoid_6 = 4,  ///< Keras 3: min(max(x / 6 + 0.5, 0), 1)
  relu = 5,
  relu6 = 6,
  leaky_relu = 7,  ///< slope 0.2
  elu = 8,         ///< alpha 1
  selu = 9,
  softplus = 10,
  softsign = 11,
  exponential = 12,
  swish = 13,
  gelu = 14,        ///< with the error function
  hard_swish = 15,  ///< x * hard_sigmoid_6(x)
};

/// How options that no schema describes are stored.
enum class OptionsFormat : int8_t { flexbuffers = 0 };

std::string_view name(Padding padding);
std::string_view name(Activation activation);
std::string_view name(WeightsFormat format);
std::string_view name(OptionsFormat format);
std::string_view name(RecurrentCell cell);
std::string_view name(CellActivation activation);

}  // namespace smelt
