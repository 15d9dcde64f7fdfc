#pragma once

#include <vector>

#include "smelt/base/bytes.h"

namespace smelt::saved_model {

/// Unpacks a block of Google's Snappy format (format_description.txt): a varint with the unpacked
/// size, then literals and copies of what has been unpacked. bad_file where it is malformed, or
/// where the size is more than the format can pack into so few bytes.
std::vector<uint8_t> unpack_snappy(ByteView packed);

}  // namespace smelt::saved_model
