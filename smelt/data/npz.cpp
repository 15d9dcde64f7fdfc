#include "smelt/data/npz.h"

#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include "smelt/data/convert.h"

namespace smelt {
namespace {

constexpr size_t kLocalHeader = 30;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kIn64BitField = 0xffffffff;

struct Member {
  std::string name;
  zip_uint64_t index = 0;
  uint64_t size = 0;
  uint64_t packed = 0;
  uint32_t crc = 0;
  bool deflated = false;
  std::optional<uint64_t> offset;  ///< of the bytes in the file, for stored members that were found
};

/// One local header of a zip archive (APPNOTE.TXT 4.3.7), which stands before a member's bytes.
struct LocalHeader {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t crc = 0;
  uint64_t packed = 0, size = 0;
  uint64_t data = 0;  ///< offset of the member's bytes
};

std::optional<LocalHeader> read_local_header(const RandomAccessFile& file, uint64_t offset) {
  if (!in_range(offset, kLocalHeader, file.size())) return std::nullopt;
  std::vector<uint8_t> bytes(kLocalHeader);
  file.read_at(offset, bytes, "a zip header");
  ByteReader reader(bytes);
  if (reader.read<uint32_t>("signature") != kLocalSignature) return std::nullopt;
  LocalHeader header;
  reader.read<uint16_t>("version");
  header.flags = reader.read<uint16_t>("flags");
  header.method = reader.read<uint16_t>("method");
  reader.read<uint32_t>("time");
  header.crc = reader.read<uint32_t>("crc");
  header.packed = reader.read<uint32_t>("packed size");
  header.size = reader.read<uint32_t>("size");
  const size_t name_size = reader.read<uint16_t>("name size");
  const size_t extra_size = reader.read<uint16_t>("extra size");
  header.data = offset + kLocalHeader + name_size + extra_size;
  if (header.data > file.size()) return std::nullopt;
  bytes.resize(name_size + extra_size);
  file.read_at(offset + kLocalHeader, bytes, "a zip header");
  header.name.assign(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(name_size));
  ByteReader extra(ByteView(bytes).subspan(name_size));
  while (extra.remaining() >= 4) {
    const auto id = extra.read<uint16_t>("extra id");
    const auto size = extra.read<uint16_t>("extra size");
    if (size > extra.remaining()) return std::nullopt;
    ByteReader field(extra.take(size, "extra field"));
    if (id != 1) continue;  // the ZIP64 sizes are the only ones of interest
    if (header.size == kIn64BitField && field.remaining() >= 8) {
      header.size = field.read<uint64_t>("size");
    }
    if (header.packed == kIn64BitField && field.remaining() >= 8) {
      header.packed = field.read<uint64_t>("packed size");
    }
  }
  return header;
}

/// Finds the bytes of stored members by walking from local header to local header (libzip knows the
/// offsets and does not tell them). A member counts as found where everything that the two headers
/// say agrees; the others are read through libzip.
void find_stored_members(const RandomAccessFile& file, std::vector<Member>& members) {
  constexpr uint16_t kEncrypted = 1, kSizesFollow = 8;
  uint64_t offset = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto header = read_local_header(file, offset);
    if (!header || (header->flags & kSizesFollow) != 0 ||
        !in_range(header->data, header->packed, file.size())) {
      return;
    }
    for (Member& member : members) {
      const bool same = member.name == header->name && member.size == header->size &&
                        member.packed == header->packed && member.crc == header->crc;
      if (!same || member.offset || member.deflated || header->method != ZIP_CM_STORE) continue;
      if ((header->flags & kEncrypted) == 0 && header->size == header->packed) {
        member.offset = header->data;
        break;
      }
    }
    offset = header->data + header->packed;
  }
}

/// Reads the bytes of one member in order, wherever they are.
class MemberReader {
 public:
  MemberReader(zip_t* archive, const Member& member)
      : file_(zip_fopen_index(archive, member.index, 0)) {
    if (file_ == nullptr) {
      fail(ErrorKind::bad_file, "it cannot be opened: {}", zip_strerror(archive));
    }
  }
  ~MemberReader() { zip_fclose(file_); }
  MemberReader(const MemberReader&) = delete;
  MemberReader& operator=(const MemberReader&) = delete;

  void read(std::span<uint8_t> into) {
    while (!into.empty()) {
      const zip_int64_t count = zip_fread(file_, into.data(), into.size());
      check(count);
      if (count == 0) fail(ErrorKind::bad_file, "it ends {} bytes early", into.size());
      into = into.subspan(static_cast<size_t>(count));
    }
  }

  /// libzip compares the CRC when it meets the end.
  void expect_end() {
    uint8_t byte = 0;
    const zip_int64_t count = zip_fread(file_, &byte, 1);
    check(count);
    if (count != 0) fail(ErrorKind::bad_file, "it holds more bytes than its .npy header says");
  }

 private:
  void check(zip_int64_t count) {
    if (count < 0) {
      fail(ErrorKind::bad_file, "it is damaged: {}", zip_error_strerror(zip_file_get_error(file_)));
    }
  }

  zip_file_t* file_;
};

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

class OpenNpz : public NpzFile {
 public:
  explicit OpenNpz(std::shared_ptr<const RandomAccessFile> file) : file_(std::move(file)) {
    open_archive();
    list_members();
    find_stored_members(*file_, members_);
    for (size_t i = 0; i < members_.size(); ++i) {
      const std::string key = members_[i].name.substr(0, members_[i].name.size() - 4);
      if (!by_key_.emplace(key, i).second) {
        fail(ErrorKind::bad_file, "{} holds the key '{}' twice", file_->path().string(),
             printable(key));
      }
      keys_.push_back(key);
    }
  }

  const std::vector<std::string>& keys() const override { return keys_; }

  NpyHeader header(std::string_view key) const override {
    return in_member(key, [&](const Member& member) {
      if (member.offset) return stored_header(member);
      const std::scoped_lock lock(mutex_);
      MemberReader reader(archive_.get(), member);
      return packed_header(member, reader);
    });
  }

  Rows rows(std::string_view key) const override {
    return in_member(key, [&](const Member& member) {
      if (!member.offset) return Rows(decode(member));
      const NpyHeader header = stored_header(member);
      const Rows rows(file_, *member.offset + header.size, header.type, header.shape);
      if (!header.fortran_order) return rows;
      return Rows(from_fortran_order(header, rows.read_all().data.bytes()));
    });
  }

  Array read(std::string_view key) const override {
    return in_member(key, [&](const Member& member) { return decode(member); });
  }

 private:
  void open_archive() {
    // A descriptor of its own: libzip moves the file position, which pread does not use.
    const int descriptor = ::dup(file_->descriptor());
    if (descriptor < 0) {
      fail(ErrorKind::io, "cannot open {}: {}", file_->path().string(), std::strerror(errno));
    }
    int code = 0;
    archive_.reset(zip_fdopen(descriptor, 0, &code));
    if (archive_ != nullptr) return;
    ::close(descriptor);
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(ErrorKind::bad_file, "{} is not a whole .npz archive: {}", file_->path().string(), text);
  }

  void list_members() {
    const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t stat;
      zip_stat_init(&stat);
      constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                       ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD |
                                       ZIP_STAT_ENCRYPTION_METHOD;
      if (zip_stat_index(archive_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW, &stat) !=
              0 ||
          (stat.valid & kNeeded) != kNeeded) {
        fail(ErrorKind::bad_file, "{}: member {} has no complete entry", file_->path().string(), i);
      }
      Member member{stat.name, static_cast<zip_uint64_t>(i), stat.size, stat.comp_size, stat.crc};
      if (!std::string_view(member.name).ends_with(".npy")) continue;
      if (stat.encryption_method != ZIP_EM_NONE ||
          (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)) {
        fail(ErrorKind::unsupported, "{}: {} is {}; members are read stored or deflated",
             file_->path().string(), printable(member.name),
             stat.encryption_method != ZIP_EM_NONE
                 ? std::string("encrypted")
                 : fmt::format("compressed by zip method {}", stat.comp_method));
      }
      member.deflated = stat.comp_method == ZIP_CM_DEFLATE;
      members_.push_back(std::move(member));
    }
  }

  template <class Body>
  std::invoke_result_t<Body, const Member&> in_member(std::string_view key, Body body) const {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) {
      std::string known;
      for (const std::string& other : keys_) {
        known += (known.empty() ? "'" : ", '") + printable(other) + "'";
      }
      fail(ErrorKind::bad_argument, "{} has no key '{}'; it has {}", file_->path().string(), key,
           known.empty() ? "none" : known);
    }
    const Member& member = members_[found->second];
    return with_context(
        [&] {
          return fmt::format("while reading {}: {}", file_->path().string(),
                             printable(member.name));
        },
        [&] { return body(member); });
  }

  /// `read(into)` fills the next bytes of the member.
  template <class Read>
  static NpyHeader read_header(const Member& member, Read read) {
    std::vector<uint8_t> bytes(std::min<uint64_t>(kNpyPrefix, member.size));
    read(std::span<uint8_t>(bytes));
    const size_t size = npy_header_size(bytes);
    if (size > member.size) {
      fail(ErrorKind::bad_file, "ends inside the .npy header ({} of {} bytes)", member.size, size);
    }
    bytes.resize(size);
    read(std::span<uint8_t>(bytes).subspan(kNpyPrefix));
    NpyHeader header = parse_npy_header(bytes);
    if (header.data_bytes() != member.size - size) {
      fail(ErrorKind::bad_file, "its .npy header says {} bytes of values ({} {}), the archive {}",
           header.data_bytes(), name(header.type), to_string(header.shape), member.size - size);
    }
    return header;
  }

  NpyHeader stored_header(const Member& member) const {
    uint64_t offset = *member.offset;
    return read_header(member, [&](std::span<uint8_t> into) {
      file_->read_at(offset, into, "the .npy header");
      offset += into.size();
    });
  }

  static NpyHeader packed_header(const Member& member, MemberReader& reader) {
    return read_header(member, [&](std::span<uint8_t> into) { reader.read(into); });
  }

  Array decode(const Member& member) const {
    const std::scoped_lock lock(mutex_);
    if (member.deflated) {
      check_deflate_size(member.size, member.packed, "it");
    } else if (member.size > file_->size()) {
      fail(ErrorKind::bad_file, "it claims {} bytes, the file has {}", member.size, file_->size());
    }
    MemberReader reader(archive_.get(), member);
    const NpyHeader header = packed_header(member, reader);
    std::span<uint8_t> into;
    Array array{header.type, header.shape,
                allocate_buffer(static_cast<size_t>(header.data_bytes()), into)};
    reader.read(into);
    reader.expect_end();
    return header.fortran_order ? from_fortran_order(header, into) : array;
  }

  std::shared_ptr<const RandomAccessFile> file_;
  std::unique_ptr<zip_t, CloseArchive> archive_;
  mutable std::mutex mutex_;  ///< an archive of libzip serves one thread at a time
  std::vector<Member> members_;
  std::vector<std::string> keys_;
  std::map<std::string, size_t, std::less<>> by_key_;
};

}  // namespace

std::shared_ptr<const NpzFile> NpzFile::open(const std::filesystem::path& path) {
  return std::make_shared<OpenNpz>(RandomAccessFile::open(path));
}

bool NpzFile::has(std::string_view key) const {
  return std::find(keys().begin(), keys().end(), key) != keys().end();
}

}  // namespace smelt
