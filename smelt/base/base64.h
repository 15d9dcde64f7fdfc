#pragma once

#include <string>
#include <string_view>

#include "smelt/base/bytes.h"

namespace smelt {

/// RFC 4648, with padding.
std::string to_base64(ByteView bytes);

/// The bytes of such a text, of both alphabets (+ and /, - and _), padded or not; bad_file for any
/// other character.
std::string from_base64(std::string_view text);

}  // namespace smelt
