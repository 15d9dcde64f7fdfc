#pragma once

#include <cstdint>

#include "smelt/base/bytes.h"

namespace smelt {

/// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78) of bytes that follow others of `crc`.
uint32_t crc32c(ByteView bytes, uint32_t crc = 0);

/// As LevelDB and TensorFlow store it, so that checksums of checksums stay good.
inline uint32_t masked_crc32c(uint32_t crc) {
  constexpr uint32_t kDelta = 0xa282ead8u;
  return ((crc >> 15) | (crc << 17)) + kDelta;
}

}  // namespace smelt
