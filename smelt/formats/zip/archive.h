#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "smelt/base/bytes.h"

namespace smelt::zip {

/// The bytes of a member: a view into the archive where it is stored, else a block of its own.
struct Content {
  ByteView bytes;
  std::shared_ptr<const void> owner;
};

/// A zip archive in memory, read through its central directory (PKWARE APPNOTE 6.3.10, with the
/// ZIP64 fields). Members are stored or deflated. The bytes are not trusted: bad_file where they
/// contradict themselves or claim more than deflate can make of them, unsupported for encrypted
/// members, other methods and archives in several parts. Nothing is written to disk.
class Archive {
 public:
  /// `owner` keeps the bytes alive as long as a view into them is used.
  static Archive parse(ByteView bytes, std::shared_ptr<const void> owner);

  /// In the order of the directory.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return members_.contains(name); }

  /// The checksum is compared. bad_file naming the member where it is absent or damaged.
  Content read(const std::string& name) const;

 private:
  struct Member {
    uint16_t flags = 0, method = 0;
    uint32_t crc = 0;
    uint64_t packed = 0, size = 0;
    uint64_t header = 0;  ///< offset of the local header
  };
  struct Directory {
    uint64_t offset = 0, size = 0, entries = 0;
  };

  Archive(ByteView bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}
  Directory find_directory() const;
  static void read_wide_fields(ByteView extra, Member& member);
  ByteView packed_bytes(const Member& member) const;

  ByteView bytes_;
  std::shared_ptr<const void> owner_;
  std::vector<std::string> names_;
  std::map<std::string, Member> members_;
};

}  // namespace smelt::zip
