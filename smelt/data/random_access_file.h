#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "smelt/base/bytes.h"

namespace smelt {

/// std::filesystem::exists and is_directory that never throw: a path that cannot be looked at (no
/// permission, too long a name) is not there.
bool path_exists(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);

/// A file read at offsets with pread: unlike a mapping, nothing that was read stays in the
/// process, so that passing over a data set of any size keeps memory flat. Thread-safe.
class RandomAccessFile {
 public:
  /// io where the file is missing, not a regular file, or unreadable.
  static std::shared_ptr<const RandomAccessFile> open(const std::filesystem::path& path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  int descriptor() const { return descriptor_; }

  /// Fills `into` from `offset`; bad_file naming `what` where the file ends before.
  void read_at(uint64_t offset, std::span<uint8_t> into, std::string_view what) const;

 private:
  explicit RandomAccessFile(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  uint64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace smelt
