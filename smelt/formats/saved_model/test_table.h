#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/base/crc32c.h"

namespace smelt::saved_model {

/// Writes tables of LevelDB for tests: one data block, one restart point.

inline void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

inline void append_u32(std::string& out, uint32_t value) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
}

/// Appends a block with its trailer; returns its handle.
inline std::string append_block(std::string& file,
                                const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string block, last;
  for (const auto& [key, value] : entries) {
    size_t shared = 0;
    while (shared < key.size() && shared < last.size() && key[shared] == last[shared]) ++shared;
    append_varint(block, shared);
    append_varint(block, key.size() - shared);
    append_varint(block, value.size());
    block += key.substr(shared) + value;
    last = key;
  }
  append_u32(block, 0);
  append_u32(block, 1);
  std::string handle;
  append_varint(handle, file.size());
  append_varint(handle, block.size());
  block += '\0';  // not compressed
  file += block;
  append_u32(file, masked_crc32c(crc32c(as_bytes(block))));
  return handle;
}

inline std::string make_table(const std::map<std::string, std::string>& entries) {
  std::string file;
  const std::string data = append_block(file, {entries.begin(), entries.end()});
  const std::string meta = append_block(file, {});
  const std::string index = append_block(file, {{"~", data}});
  std::string footer = meta + index;
  footer.resize(40);
  file += footer;
  append_u32(file, 0x8b80fb57u);
  append_u32(file, 0xdb477524u);
  return file;
}

}  // namespace smelt::saved_model
