#pragma once

#include <map>
#include <string>

#include "smelt/base/bytes.h"

namespace smelt::saved_model {

/// Reads a whole table file of LevelDB, as TensorFlow writes the index of a TensorBundle:
///   data blocks, [metaindex block], index block, footer of 48 bytes
///   footer  handles (varint offset, varint size) of metaindex and index, padding, 8 bytes magic
///   block   entries, restart points (uint32 each), their number (uint32); behind it one byte of
///           compression (0: none, 1: Snappy) and a masked CRC-32C of block and that byte
///   entry   varints shared, unshared, value size; unshared bytes of the key; the value
/// Integers are little endian. Blocks are read in order, so that restart points do not matter.
/// bad_file where bytes or checksums do not fit; unsupported for compressed blocks. Memory is
/// bounded by the file: keys may grow to 16 times its size.
std::map<std::string, std::string, std::less<>> read_table(ByteView file);

}  // namespace smelt::saved_model
