#include "smelt/data/npz_writer.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "smelt/data/npy.h"

namespace smelt {
namespace {

constexpr uint32_t kIn64BitField = 0xffffffff;
constexpr uint16_t kIn64BitCount = 0xffff;
constexpr size_t kZip64Extra = 20;

/// Little-endian records of a zip archive (APPNOTE.TXT 4.3).
class Record {
 public:
  Record& u16(uint64_t value) { return put(value, 2); }
  Record& u32(uint64_t value) { return put(value, 4); }
  Record& u64(uint64_t value) { return put(value, 8); }
  Record& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  ByteView bytes() const { return as_bytes(std::string_view(bytes_)); }

 private:
  Record& put(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }

  std::string bytes_;
};

/// The fields that local and central headers share, from "version needed" to "name size". Sizes
/// always stand in a ZIP64 extra field, as NumPy writes them, so that the layout does not depend
/// on them.
void put_common(Record& record, const std::string& name, uint32_t crc) {
  constexpr uint16_t kVersion45 = 45, kUtf8 = 0x0800, kStored = 0;
  constexpr uint16_t kMidnight = 0, kFirstOfJanuary1980 = 0x21;  // no clock: same input, same bytes
  record.u16(kVersion45).u16(kUtf8).u16(kStored).u16(kMidnight).u16(kFirstOfJanuary1980);
  record.u32(crc).u32(kIn64BitField).u32(kIn64BitField).u16(name.size());
}

Record local_header(const std::string& name, uint32_t crc, uint64_t size) {
  Record record;
  record.u32(0x04034b50);
  put_common(record, name, crc);
  record.u16(kZip64Extra).text(name).u16(1).u16(16).u64(size).u64(size);
  return record;
}

void put_central_header(Record& record, const std::string& name, uint32_t crc, uint64_t size,
                        uint64_t local) {
  constexpr uint64_t kUnixMode644 = 0100644ull << 16;
  record.u32(0x02014b50).u16(3 << 8 | 45);
  put_common(record, name, crc);
  record.u16(28).u16(0).u16(0).u16(0).u32(kUnixMode644).u32(kIn64BitField).text(name);
  record.u16(1).u16(24).u64(size).u64(size).u64(local);
}

void put_end(Record& record, uint64_t members, uint64_t directory, uint64_t directory_size) {
  const uint64_t end64 = directory + directory_size;
  record.u32(0x06064b50).u64(44).u16(3 << 8 | 45).u16(45).u32(0).u32(0);
  record.u64(members).u64(members).u64(directory_size).u64(directory);
  record.u32(0x07064b50).u32(0).u64(end64).u32(1);
  const uint64_t short_count = std::min<uint64_t>(members, kIn64BitCount);
  record.u32(0x06054b50).u16(0).u16(0).u16(short_count).u16(short_count);
  record.u32(std::min<uint64_t>(directory_size, kIn64BitField));
  record.u32(std::min<uint64_t>(directory, kIn64BitField)).u16(0);
}

}  // namespace

NpzWriter::NpzWriter(const std::filesystem::path& path) : path_(path), file_(path) {
  descriptor_ = ::open(file_.temporary_path().c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor_ < 0) {
    fail(ErrorKind::io, "cannot write {}: {}", path_.string(), std::strerror(errno));
  }
}

NpzWriter::~NpzWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int NpzWriter::add(std::string_view key, DataType type, const Shape& shape) {
  const std::string file_name = std::string(key) + ".npy";
  if (file_name.size() > std::numeric_limits<uint16_t>::max()) {
    fail(ErrorKind::bad_argument, "a key of {} bytes is too long for an .npz archive", key.size());
  }
  for (const Member& other : members_) {
    if (other.name == file_name) {
      fail(ErrorKind::bad_argument, "the key '{}' is written to {} twice", key, path_.string());
    }
  }
  std::string header = make_npy_header(type, shape);
  Member& member = members_.emplace_back();
  member.name = file_name;
  member.npy_header = std::move(header);
  const auto values = static_cast<uint64_t>(storage_bytes(type, shape.elements()));
  const int64_t row = shape.rank() == 0 ? 1 : shape.elements(1, shape.rank());
  member.row_bytes = static_cast<uint64_t>(storage_bytes(type, row));
  member.size = member.npy_header.size() + values;
  member.local = end_;
  member.data = end_ + local_header(member.name, 0, 0).bytes().size();
  end_ = member.data + member.size;
  write_at(member.data, as_bytes(member.npy_header));
  return static_cast<int>(members_.size()) - 1;
}

void NpzWriter::add(std::string_view key, const Array& array) {
  const int number = add(key, array.type, array.shape);
  write(number, 0, array.data.bytes());
}

void NpzWriter::write(int array, int64_t first_row, ByteView rows) {
  Member& member = members_[static_cast<size_t>(array)];
  const uint64_t header = member.npy_header.size();
  const uint64_t begin = static_cast<uint64_t>(first_row) * member.row_bytes;
  SMELT_CHECK(first_row >= 0 && in_range(begin, rows.size(), member.size - header));
  SMELT_CHECK(member.row_bytes == 0 ? rows.empty() : rows.size() % member.row_bytes == 0);
  write_at(member.data + header + begin, rows);
  member.written += rows.size();
}

void NpzWriter::commit() {
  Record directory;
  for (Member& member : members_) {
    SMELT_CHECK(member.npy_header.size() + member.written == member.size);
    member.crc = crc_of(member);
    write_at(member.local, local_header(member.name, member.crc, member.size).bytes());
    put_central_header(directory, member.name, member.crc, member.size, member.local);
  }
  put_end(directory, members_.size(), end_, directory.bytes().size());
  write_at(end_, directory.bytes());
  file_.commit();
}

void NpzWriter::write_at(uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      fail(ErrorKind::io, "cannot write {}: {}", path_.string(), std::strerror(errno));
    }
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

/// Read back, because rows come in any order and a CRC needs them in one.
uint32_t NpzWriter::crc_of(const Member& member) {
  std::vector<uint8_t> piece(size_t{1} << 18);
  uLong crc = ::crc32(0, nullptr, 0);
  for (uint64_t done = 0; done < member.size;) {
    const size_t wanted = std::min<uint64_t>(piece.size(), member.size - done);
    const ssize_t count =
        ::pread(descriptor_, piece.data(), wanted, static_cast<off_t>(member.data + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      fail(ErrorKind::io, "cannot read back {}: {}", path_.string(), std::strerror(errno));
    }
    crc = ::crc32(crc, piece.data(), static_cast<uInt>(count));
    done += static_cast<uint64_t>(count);
  }
  return static_cast<uint32_t>(crc);
}

}  // namespace smelt
