#pragma once

#include <vector>

#include "smelt/base/bytes.h"

namespace smelt {

/// Values that are stored as indices into a table: `count` indices of `bits` bits (1 to 7), the
/// first in the highest bits of a byte, and values of `element` bytes. Channel c reads the table
/// from value c * stride on; channels follow each other, or alternate.
struct LookupTable {
  ByteView codes, table;
  int bits = 0;
  int64_t count = 0;
  int64_t element = 1;
  int64_t channels = 1;  ///< divides count
  int64_t stride = 0;
  bool alternating = false;
};

/// The values, count * element bytes. bad_file where codes or table are too short.
std::vector<uint8_t> decode_lookup(const LookupTable& lookup);

/// Bits of memory from the highest of the first byte on; zeros behind its end.
class BitReader {
 public:
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}
  uint32_t take(int64_t count) {
    uint32_t value = 0;
    for (int64_t i = 0; i < count; ++i, ++at_) value = value << 1 | bit(at_);
    return value;
  }
  void put_back(int64_t count) { at_ -= count; }
  int64_t position() const { return at_; }
  /// True once bits behind the end were taken.
  bool beyond() const { return at_ > static_cast<int64_t>(bytes_.size()) * 8; }

 private:
  uint32_t bit(int64_t at) const {
    const auto byte = static_cast<size_t>(at / 8);
    return byte < bytes_.size() ? bytes_[byte] >> (7 - at % 8) & 1u : 0u;
  }
  ByteView bytes_;
  int64_t at_ = 0;
};

}  // namespace smelt
