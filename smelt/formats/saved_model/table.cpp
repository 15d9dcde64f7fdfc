#include "smelt/formats/saved_model/table.h"

#include <vector>

#include "smelt/base/crc32c.h"
#include "smelt/formats/saved_model/snappy.h"

namespace smelt::saved_model {
namespace {

constexpr size_t kFooterBytes = 48;
/// Keys and values together may be so many times the file.
constexpr uint64_t kMostPerByte = 64;
constexpr uint64_t kMagic = 0xdb4775248b80fb57u;

struct Handle {
  uint64_t offset = 0;
  uint64_t size = 0;
};

uint64_t read_varint(ByteReader& reader) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = reader.read<uint8_t>("a number of the table");
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail(ErrorKind::bad_file, "the table holds a number of more than 64 bits");
}

Handle read_handle(ByteReader& reader) {
  Handle handle;
  handle.offset = read_varint(reader);
  handle.size = read_varint(reader);
  return handle;
}

/// The entries of a block, without restart points.
std::vector<uint8_t> block_entries(ByteView file, const Handle& handle) {
  constexpr uint64_t kTrailer = 5;
  if (handle.size > file.size() || !in_range(handle.offset, handle.size + kTrailer, file.size())) {
    fail(ErrorKind::bad_file, "a block of the table lies outside the file");
  }
  const ByteView covered = file.subspan(handle.offset, handle.size + 1);
  ByteReader trailer(file.subspan(handle.offset + handle.size, kTrailer));
  const auto compression = trailer.read<uint8_t>("the compression");
  if (trailer.read<uint32_t>("the checksum") != masked_crc32c(crc32c(covered))) {
    fail(ErrorKind::bad_file, "the checksum of a block of the table is wrong");
  }
  if (compression > 1) {
    fail(ErrorKind::unsupported, "the table is compressed by method {}", compression);
  }
  const ByteView stored = covered.first(handle.size);
  std::vector<uint8_t> block =
      compression == 1 ? unpack_snappy(stored) : std::vector<uint8_t>(stored.begin(), stored.end());
  if (block.size() < 4) fail(ErrorKind::bad_file, "a block of the table is too small");
  const auto restarts = ByteReader(ByteView(block).last(4)).read<uint32_t>("restart points");
  const uint64_t behind = (static_cast<uint64_t>(restarts) + 1) * 4;
  if (behind > block.size()) fail(ErrorKind::bad_file, "restart points lie outside their block");
  block.resize(block.size() - behind);
  return block;
}

std::string text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Calls visit(key, value) for every entry. `budget` bounds the keys' bytes.
template <class Visit>
void read_entries(ByteView entries, uint64_t& budget, Visit&& visit) {
  ByteReader reader(entries);
  std::string key;
  while (reader.remaining() > 0) {
    const uint64_t shared = read_varint(reader);
    const uint64_t unshared = read_varint(reader);
    const uint64_t size = read_varint(reader);
    if (shared > key.size()) fail(ErrorKind::bad_file, "a key of the table is malformed");
    key.resize(shared);
    key += text(reader.take(unshared, "a key"));
    if (key.size() > budget) fail(ErrorKind::bad_file, "the table's keys are too long");
    budget -= key.size();
    visit(key, reader.take(size, "a value"));
  }
}

}  // namespace

std::map<std::string, std::string, std::less<>> read_table(ByteView file) {
  if (file.size() < kFooterBytes) fail(ErrorKind::bad_file, "the table is too small");
  const ByteView footer = file.last(kFooterBytes);
  if (ByteReader(footer.last(8)).read<uint64_t>("the magic") != kMagic) {
    fail(ErrorKind::bad_file, "it does not end like a table of LevelDB");
  }
  ByteReader handles(footer);
  read_handle(handles);  // metaindex: filters, which TensorFlow does not write
  const Handle index = read_handle(handles);
  uint64_t budget = kMostPerByte * static_cast<uint64_t>(file.size());
  std::map<std::string, std::string, std::less<>> table;
  read_entries(block_entries(file, index), budget, [&](const std::string&, ByteView value) {
    ByteReader reader(value);
    const std::vector<uint8_t> entries = block_entries(file, read_handle(reader));
    if (entries.size() > budget) fail(ErrorKind::bad_file, "the table's blocks are too long");
    budget -= entries.size();
    read_entries(entries, budget, [&](const std::string& key, ByteView bytes) {
      if (bytes.size() > budget) fail(ErrorKind::bad_file, "the table's values are too long");
      budget -= bytes.size();
      table[key] = text(bytes);
    });
  });
  return table;
}

}  // namespace smelt::saved_model
