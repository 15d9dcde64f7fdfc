#pragma once

#include <span>
#include <vector>

#include "smelt/base/bytes.h"
#include "smelt/data/array.h"

namespace smelt {

/// True for the element types that data files hold: float16, float32, float64, int8 to int64,
/// uint8 to uint64, and bool.
bool is_data_type(DataType type);

/// `bytes`, values of `type` (one of is_data_type), as the nearest floats; bool as 0 and 1.
/// bytes.size() must be into.size() elements.
void to_float(DataType type, ByteView bytes, std::span<float> into);

/// `bytes`, values of an integer type or bool, as int64. bad_file where a uint64 is out of range.
std::vector<int64_t> to_int64(DataType type, ByteView bytes);

/// An uninitialized block of `size` bytes, 64-byte aligned, as a Buffer to be written through
/// `into` before anyone else sees it. Its pages cost memory only when they are written, so a header
/// that lies about a size costs nothing before the lie is found. io where memory is exhausted.
Buffer allocate_buffer(size_t size, std::span<uint8_t>& into);

/// bad_file where `size` bytes cannot come out of `packed` bytes of a deflate stream, whose ratio
/// is at most 1032 (zlib, "maximum compression factor").
void check_deflate_size(uint64_t size, uint64_t packed, std::string_view what);

/// `text` with control bytes as '?': names from files go into messages on a terminal.
std::string printable(std::string_view text);

}  // namespace smelt
