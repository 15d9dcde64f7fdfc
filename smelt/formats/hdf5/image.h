#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "smelt/base/bytes.h"

namespace smelt::hdf5::internal {

/// The address that stands for "nothing there".
inline constexpr uint64_t kUndefined = std::numeric_limits<uint64_t>::max();

class Cursor;

/// The bytes of a file from its superblock on, and what the superblock says about it.
struct Image {
  ByteView bytes;
  std::shared_ptr<const void> owner;
  int offset_size = 8;  ///< bytes of an address
  int length_size = 8;  ///< bytes of a size
  uint64_t root = kUndefined;
  /// Bytes of structure that may still be visited. Far above what a sound file needs; a file whose
  /// structures overlap or loop runs out of it instead of keeping us busy.
  mutable uint64_t budget = 0;

  /// `size` bytes at `address`. bad_file where they are not all inside the file.
  ByteView span(uint64_t address, uint64_t size, std::string_view what) const;

  /// Reads from `address` to the end of the file, or through `size` bytes.
  Cursor at(uint64_t address, std::string_view what) const;
  Cursor at(uint64_t address, uint64_t size, std::string_view what) const;

  /// Counts a visit of `size` bytes of structure.
  void charge(uint64_t size) const;
};

/// Finds and reads the superblock, versions 0 to 3.
std::shared_ptr<const Image> read_superblock(ByteView bytes, std::shared_ptr<const void> owner);

/// Where the superblock starts: 0, 512, 1024, 2048, ...; nothing where there is none.
std::optional<uint64_t> find_superblock(ByteView bytes);

/// A ByteReader that knows the widths of the file's addresses and sizes.
class Cursor {
 public:
  Cursor(const Image& image, ByteView bytes, std::string_view what)
      : image_(&image), reader_(bytes), what_(what) {}

  size_t position() const { return reader_.position(); }
  size_t remaining() const { return reader_.remaining(); }

  ByteView take(uint64_t count) { return reader_.take(static_cast<size_t>(count), what_); }
  void skip(uint64_t count) { take(count); }
  /// Skips to the next multiple of `unit` bytes from the start, or to the end where that is nearer.
  void align(size_t unit);

  /// Little-endian, `width` bytes (0 to 8).
  uint64_t uint(int width);
  uint8_t u8() { return reader_.read<uint8_t>(what_); }
  uint16_t u16() { return reader_.read<uint16_t>(what_); }
  uint32_t u32() { return reader_.read<uint32_t>(what_); }
  uint64_t length() { return uint(image_->length_size); }
  uint64_t address();

  /// Reads four characters that must be these.
  void signature(std::string_view expected);
  /// Reads a version byte that must lie in [low, high]; unsupported otherwise.
  uint8_t version(uint8_t low, uint8_t high);

 private:
  const Image* image_;
  ByteReader reader_;
  std::string_view what_;
};

/// Addresses of nodes seen on a walk; a second visit is a loop.
class Visited {
 public:
  void add(uint64_t address, std::string_view what);

 private:
  std::set<uint64_t> seen_;
};

/// Bytes that hold a number up to `limit`: floor(log2(limit)) / 8 + 1.
int bytes_for(uint64_t limit);

}  // namespace smelt::hdf5::internal
