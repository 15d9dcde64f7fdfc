#pragma once

#include <cstdint>
#include <vector>

#include "smelt/kernels/kernel.h"

namespace smelt {

/// The values of a constant of int4 (two to a byte) or int2 (four to a byte), the first one in the
/// lowest bits. unsupported where the values are computed at run time.
inline std::vector<int8_t> unpack_small(const Operand& w) {
  if (w.constant == nullptr) {
    fail(ErrorKind::unsupported, "{}: weights of type {} must be a constant", w.name, name(w.type));
  }
  const auto bits = static_cast<size_t>(bit_width(w.type));
  const size_t per_byte = 8 / bits;
  const int range = 1 << bits;
  const auto* bytes = w.constant_as<uint8_t>();
  std::vector<int8_t> values(static_cast<size_t>(w.shape.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    const int stored = bytes[i / per_byte] >> (i % per_byte * bits) & (range - 1);
    values[i] = static_cast<int8_t>(stored >= range / 2 ? stored - range : stored);
  }
  return values;
}

}  // namespace smelt
