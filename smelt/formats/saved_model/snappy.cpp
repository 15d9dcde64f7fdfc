#include "smelt/formats/saved_model/snappy.h"

namespace smelt::saved_model {
namespace {

uint32_t read_little_endian(ByteReader& reader, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value |= static_cast<uint32_t>(reader.read<uint8_t>("a packed block")) << (8 * i);
  }
  return value;
}

void append_copy(std::vector<uint8_t>& out, size_t offset, size_t length) {
  if (offset == 0 || offset > out.size()) fail(ErrorKind::bad_file, "a packed block is malformed");
  // Byte by byte: a copy may reach into what it writes.
  for (size_t i = 0; i < length; ++i) out.push_back(out[out.size() - offset]);
}

}  // namespace

std::vector<uint8_t> unpack_snappy(ByteView packed) {
  ByteReader reader(packed);
  uint64_t size = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = reader.read<uint8_t>("a packed block");
    size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
    if (shift >= 28) fail(ErrorKind::bad_file, "a packed block is malformed");
  }
  constexpr uint64_t kMostPerByte = 64;  // a copy of 64 bytes takes 3
  if (size > kMostPerByte * packed.size()) fail(ErrorKind::bad_file, "a packed block is too large");
  std::vector<uint8_t> out;
  out.reserve(size);
  while (reader.remaining() > 0) {
    const auto tag = reader.read<uint8_t>("a packed block");
    if ((tag & 3) == 0) {
      size_t length = tag >> 2;
      if (length >= 60) length = read_little_endian(reader, static_cast<int>(length) - 59);
      const ByteView literal = reader.take(length + 1, "a packed block");
      out.insert(out.end(), literal.begin(), literal.end());
    } else if ((tag & 3) == 1) {
      const size_t offset = (static_cast<size_t>(tag >> 5) << 8) | read_little_endian(reader, 1);
      append_copy(out, offset, 4 + ((tag >> 2) & 7));
    } else {
      append_copy(out, read_little_endian(reader, (tag & 3) == 2 ? 2 : 4), (tag >> 2) + 1);
    }
    if (out.size() > size) fail(ErrorKind::bad_file, "a packed block is larger than it says");
  }
  if (out.size() != size) fail(ErrorKind::bad_file, "a packed block is smaller than it says");
  return out;
}

}  // namespace smelt::saved_model
