#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// TFLM_DECODE: pairs of constants (codes, description) -> one tensor each, whose values were
/// compressed with a lookup table, as Huffman codes or by leaving out zeros. Everything is decoded
/// when the op is prepared. The description starts with 16 bytes: kind, version 1, two unused, and
/// from byte 4 on fields of the kind; its table follows (kernels/decode_state*.h).
Kernel prepare_decode(const PrepareArgs& args);

/// A constant of `count` indices of `bits` bits each (the first in the highest bits of a byte) as
/// values of `element` bytes: channel c reads the table at c * stride. Channels follow each other,
/// or alternate. bad_file where codes or tables are too short.
struct LookupTable {
  ByteView codes, table;
  int bits = 0;
  int64_t count = 0;
  int64_t element = 1;   ///< bytes of a value
  int64_t channels = 1;  ///< divides count
  int64_t stride = 0;    ///< values between the tables of channels
  bool alternating = false;
};
std::vector<uint8_t> decode_lookup(const LookupTable& lookup);

}  // namespace smelt
