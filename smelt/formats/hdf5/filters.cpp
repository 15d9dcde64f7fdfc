#include <zlib.h>

#include <algorithm>

#include "smelt/formats/hdf5/chunks.h"

namespace smelt::hdf5::internal {
namespace {

enum FilterId : uint16_t { deflate = 1, shuffle = 2, fletcher32 = 3 };

std::string_view filter_name(uint16_t id) {
  switch (id) {
    case 4:
      return "szip";
    case 5:
      return "nbit";
    case 6:
      return "scaleoffset";
    case 32000:
      return "lzf";
    default:
      return "unknown";
  }
}

std::vector<uint8_t> inflate_chunk(const std::vector<uint8_t>& stored, uint64_t limit) {
  constexpr uint64_t kBestRatio = 1040;  // deflate cannot do better
  std::vector<uint8_t> out(std::min(limit, stored.size() * kBestRatio));
  uLongf size = out.size();
  if (uncompress(out.data(), &size, stored.data(), stored.size()) != Z_OK) {
    fail(ErrorKind::bad_file, "a compressed chunk is damaged");
  }
  out.resize(size);
  return out;
}

/// Bytes were grouped by their place within an element.
std::vector<uint8_t> unshuffle(const std::vector<uint8_t>& stored, size_t element_size) {
  std::vector<uint8_t> out = stored;
  const size_t count = element_size == 0 ? 0 : stored.size() / element_size;
  for (size_t byte = 0; byte < element_size; ++byte) {
    for (size_t i = 0; i < count; ++i) out[i * element_size + byte] = stored[byte * count + i];
  }
  return out;
}

/// The sum of Fletcher over big-endian 16-bit words, kept in the last four bytes.
void check_fletcher32(std::vector<uint8_t>& data) {
  if (data.size() < 4) fail(ErrorKind::bad_file, "a chunk is too small for its checksum");
  const size_t size = data.size() - 4;
  uint64_t low = 0;
  uint64_t high = 0;
  for (size_t i = 0; i < size; i += 2) {
    low += data[i] * 256u + (i + 1 < size ? data[i + 1] : 0u);
    high += low % 65535;
  }
  const uint32_t sum = static_cast<uint32_t>(low % 65535) | static_cast<uint32_t>(high % 65535)
                                                                << 16;
  const auto* at = data.data() + size;
  const uint32_t stored = at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24;
  // A word of 65535 is congruent to 0, and writers keep either.
  const auto same = [](uint32_t a, uint32_t b) { return a % 65535 == b % 65535; };
  if (!same(sum & 0xffff, stored & 0xffff) || !same(sum >> 16, stored >> 16)) {
    fail(ErrorKind::bad_file, "a chunk does not match its checksum");
  }
  data.resize(size);
}

}  // namespace

std::vector<Filter> read_filters(const ObjectHeader& header) {
  std::vector<Filter> filters;
  if (header.find(MessageType::filters) == nullptr) return filters;
  Cursor in = header.read(MessageType::filters, "filter pipeline");
  const uint8_t version = in.version(1, 2);
  const int count = in.u8();
  if (version == 1) in.skip(6);
  for (int i = 0; i < count; ++i) {
    Filter filter;
    filter.id = in.u16();
    const bool named = version == 1 || filter.id >= 256;
    const uint16_t name_size = named ? in.u16() : 0;
    in.skip(2);  // flags
    const uint16_t values = in.u16();
    in.skip(name_size);
    for (int v = 0; v < values; ++v) filter.values.push_back(in.u32());
    if (version == 1 && values % 2 != 0) in.skip(4);
    filters.push_back(std::move(filter));
  }
  return filters;
}

std::vector<uint8_t> undo_filters(const std::vector<Filter>& filters, uint32_t mask,
                                  ByteView stored, uint64_t chunk_bytes) {
  std::vector<uint8_t> data(stored.begin(), stored.end());
  constexpr uint64_t kChecksum = 4;  // fletcher32 may have run in front of the compression
  for (size_t i = filters.size(); i-- > 0;) {
    if (i < 32 && mask >> i & 1) continue;
    switch (filters[i].id) {
      case deflate:
        data = inflate_chunk(data, chunk_bytes + kChecksum);
        break;
      case shuffle:
        if (!filters[i].values.empty()) data = unshuffle(data, filters[i].values[0]);
        break;
      case fletcher32:
        check_fletcher32(data);
        break;
      default:
        fail(ErrorKind::unsupported, "it is stored with filter {} ({})", filters[i].id,
             filter_name(filters[i].id));
    }
  }
  if (data.size() != chunk_bytes) {
    fail(ErrorKind::bad_file, "a chunk has {} bytes instead of {}", data.size(), chunk_bytes);
  }
  return data;
}

}  // namespace smelt::hdf5::internal
