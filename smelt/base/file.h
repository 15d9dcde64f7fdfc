#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "smelt/base/bytes.h"

namespace smelt {

/// A file mapped read-only. Views into it stay valid as long as the shared pointer lives.
class MappedFile {
 public:
  /// io where the file is missing, a folder, or unreadable.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteView bytes() const { return bytes_; }

 private:
  MappedFile() = default;
  ByteView bytes_;
};

/// The whole file as a string; io where it cannot be read.
std::string read_text_file(const std::filesystem::path& path);

/// A new file that appears under its final name only when `commit` succeeds: the bytes go to a
/// temporary file in the same folder, which is flushed and renamed. Destroyed without `commit`,
/// nothing is left behind and an older file of that name stays whole.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(ByteView bytes);
  void commit();

  /// For libraries that want to write by themselves (libzip, HDF5).
  const std::filesystem::path& temporary_path() const { return temporary_; }

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

void write_file(const std::filesystem::path& path, ByteView bytes);

}  // namespace smelt
