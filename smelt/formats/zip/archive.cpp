#include "smelt/formats/zip/archive.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace smelt::zip {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50, kEntrySignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50, kWideEndSignature = 0x06064b50;
constexpr uint32_t kLocatorSignature = 0x07064b50;
constexpr uint64_t kLocalSize = 30, kEndSize = 22, kLocatorSize = 20, kWideEndSize = 56;
constexpr uint32_t kElsewhere = 0xffffffff;  ///< the value is in a ZIP64 field
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint16_t kEncrypted = 1;

uint32_t u32_at(ByteView bytes, uint64_t offset) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// The end record, behind which only a comment stands.
std::optional<uint64_t> find_end(ByteView bytes) {
  constexpr uint64_t kMaxComment = 0xffff;
  if (bytes.size() < kEndSize) return std::nullopt;
  const uint64_t last = bytes.size() - kEndSize;
  const uint64_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (uint64_t at = last + 1; at-- > first;) {
    if (u32_at(bytes, at) == kEndSignature) return at;
  }
  return std::nullopt;
}

/// zlib's checksum takes 32-bit lengths.
uint32_t checksum(ByteView bytes) {
  constexpr size_t kStep = 1u << 30;
  uLong crc = crc32(0, nullptr, 0);
  for (size_t at = 0; at < bytes.size(); at += kStep) {
    crc = crc32(crc, bytes.data() + at, static_cast<uInt>(std::min(kStep, bytes.size() - at)));
  }
  return static_cast<uint32_t>(crc);
}

/// Refuses what deflate cannot make, and bombs: weights do not shrink to a hundredth.
void check_size(uint64_t size, uint64_t packed) {
  constexpr uint64_t kMaxRatio = 1032;  // of deflate
  constexpr uint64_t kLarge = uint64_t{256} << 20, kMaxRatioOfLarge = 100;
  if (size / kMaxRatio > packed || (size > kLarge && size / kMaxRatioOfLarge > packed)) {
    fail(ErrorKind::bad_file, "{} bytes cannot hold the {} that it claims", packed, size);
  }
}

class Inflater {
 public:
  Inflater() {
    // Negative window bits: a bare deflate stream, without zlib's header.
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK)
      fail(ErrorKind::internal, "zlib does not start");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// True where `in` is exactly one stream that fills `out`.
  bool run(ByteView in, std::span<uint8_t> out) {
    constexpr size_t kStep = std::numeric_limits<uInt>::max();
    size_t taken = 0, made = 0;
    while (true) {
      stream_.next_in = const_cast<Bytef*>(in.data() + taken);
      stream_.avail_in = static_cast<uInt>(std::min(kStep, in.size() - taken));
      stream_.next_out = out.data() + made;
      stream_.avail_out = static_cast<uInt>(std::min(kStep, out.size() - made));
      const uInt in_before = stream_.avail_in, out_before = stream_.avail_out;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      taken += in_before - stream_.avail_in;
      made += out_before - stream_.avail_out;
      if (status == Z_STREAM_END) return taken == in.size() && made == out.size();
      const bool stuck = stream_.avail_in == in_before && stream_.avail_out == out_before;
      if (status != Z_OK || stuck) return false;
    }
  }

 private:
  z_stream stream_{};
};

}  // namespace

Archive Archive::parse(ByteView bytes, std::shared_ptr<const void> owner) {
  Archive archive(bytes, std::move(owner));
  const Directory directory = archive.find_directory();
  ByteReader reader(bytes.subspan(directory.offset, directory.size));
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (reader.read<uint32_t>("zip directory") != kEntrySignature) {
      fail(ErrorKind::bad_file, "entry {} of the zip directory is malformed", i);
    }
    Member member;
    reader.take(4, "zip versions");
    member.flags = reader.read<uint16_t>("zip flags");
    member.method = reader.read<uint16_t>("zip method");
    reader.take(4, "zip time");
    member.crc = reader.read<uint32_t>("zip checksum");
    member.packed = reader.read<uint32_t>("zip packed size");
    member.size = reader.read<uint32_t>("zip size");
    const auto name_size = reader.read<uint16_t>("zip name size");
    const auto extra_size = reader.read<uint16_t>("zip extra size");
    const auto comment_size = reader.read<uint16_t>("zip comment size");
    reader.take(8, "zip attributes");
    member.header = reader.read<uint32_t>("zip offset");
    const ByteView name = reader.take(name_size, "zip name");
    read_wide_fields(reader.take(extra_size, "zip extra field"), member);
    reader.take(comment_size, "zip comment");
    std::string text(name.begin(), name.end());
    if (!archive.members_.emplace(text, member).second) {
      fail(ErrorKind::bad_file, "the zip archive holds \"{}\" twice", text);
    }
    archive.names_.push_back(std::move(text));
  }
  return archive;
}

Archive::Directory Archive::find_directory() const {
  const auto end = find_end(bytes_);
  if (!end) fail(ErrorKind::bad_file, "no whole zip archive: its directory is missing");
  ByteReader reader(bytes_.subspan(*end));
  reader.take(4, "zip end");
  const auto disk = reader.read<uint16_t>("zip disk");
  reader.take(4, "zip end");
  Directory directory;
  directory.entries = reader.read<uint16_t>("zip entries");
  directory.size = reader.read<uint32_t>("zip directory size");
  directory.offset = reader.read<uint32_t>("zip directory offset");
  if (*end >= kLocatorSize && u32_at(bytes_, *end - kLocatorSize) == kLocatorSignature) {
    ByteReader locator(bytes_.subspan(*end - kLocatorSize + 8));
    const auto at = locator.read<uint64_t>("zip64 end");
    if (!in_range(at, kWideEndSize, bytes_.size()) || u32_at(bytes_, at) != kWideEndSignature) {
      fail(ErrorKind::bad_file, "the zip archive's ZIP64 record is damaged");
    }
    ByteReader wide(bytes_.subspan(at + 32));
    directory.entries = wide.read<uint64_t>("zip64 entries");
    directory.size = wide.read<uint64_t>("zip64 directory size");
    directory.offset = wide.read<uint64_t>("zip64 directory offset");
  } else if (disk != 0) {
    fail(ErrorKind::unsupported, "zip archives in several parts are not supported");
  }
  if (!in_range(directory.offset, directory.size, bytes_.size())) {
    fail(ErrorKind::bad_file, "the zip archive's directory lies outside of the file");
  }
  return directory;
}

/// The fields that are too large for 32 bits, in this order, where the entry says so.
void Archive::read_wide_fields(ByteView extra, Member& member) {
  ByteReader reader(extra);
  while (reader.remaining() >= 4) {
    const auto id = reader.read<uint16_t>("zip extra field");
    const auto size = reader.read<uint16_t>("zip extra field");
    if (size > reader.remaining()) return;  // programs pad there
    ByteReader field(reader.take(size, "zip extra field"));
    if (id != 1) continue;
    for (uint64_t* value : {&member.size, &member.packed, &member.header}) {
      if (*value == kElsewhere) *value = field.read<uint64_t>("zip64 field");
    }
  }
}

ByteView Archive::packed_bytes(const Member& member) const {
  if (!in_range(member.header, kLocalSize, bytes_.size()) ||
      u32_at(bytes_, member.header) != kLocalSignature) {
    fail(ErrorKind::bad_file, "its local header is missing");
  }
  ByteReader header(bytes_.subspan(member.header + 26));
  const uint64_t name_size = header.read<uint16_t>("zip name size");
  const uint64_t extra_size = header.read<uint16_t>("zip extra size");
  const uint64_t start = member.header + kLocalSize + name_size + extra_size;
  if (!in_range(start, member.packed, bytes_.size())) {
    fail(ErrorKind::bad_file, "its {} bytes lie outside of the file", member.packed);
  }
  return bytes_.subspan(start, member.packed);
}

Content Archive::read(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) fail(ErrorKind::bad_file, "the archive has no member \"{}\"", name);
  const Member& member = found->second;
  return with_context([&] { return "member " + name; },
                      [&]() -> Content {
                        if ((member.flags & kEncrypted) != 0)
                          fail(ErrorKind::unsupported, "it is encrypted");
                        if (member.method != kStored && member.method != kDeflated) {
                          fail(ErrorKind::unsupported, "zip method {} is not supported",
                               member.method);
                        }
                        Content content{packed_bytes(member), owner_};
                        if (member.method == kStored) {
                          if (member.size != member.packed)
                            fail(ErrorKind::bad_file, "its two sizes differ");
                        } else {
                          check_size(member.size, member.packed);
                          const auto block = std::make_shared<std::vector<uint8_t>>(member.size);
                          if (!Inflater().run(content.bytes, *block)) {
                            fail(ErrorKind::bad_file, "its compressed bytes are damaged");
                          }
                          content = {*block, block};
                        }
                        if (checksum(content.bytes) != member.crc) {
                          fail(ErrorKind::bad_file, "its checksum does not fit");
                        }
                        return content;
                      });
}

}  // namespace smelt::zip
