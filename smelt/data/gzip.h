#pragma once

#include <filesystem>

#include "smelt/data/array.h"

namespace smelt {

/// Reads a gzip file from its beginning to its end.
class GzipReader {
 public:
  /// io where it cannot be opened.
  explicit GzipReader(const std::filesystem::path& path);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  /// Fills `into`; bad_file naming `what` where the file is damaged or ends before.
  void read(std::span<uint8_t> into, std::string_view what);

  /// The next bytes, at most into.size(); 0 at the end. bad_file where the file is damaged.
  size_t read_some(std::span<uint8_t> into);

  /// bad_file where bytes are left or the checksum does not fit.
  void expect_end();

  /// Bytes of the compressed file.
  uint64_t packed_size() const { return packed_size_; }

 private:
  std::filesystem::path path_;
  uint64_t packed_size_ = 0;
  void* file_ = nullptr;  ///< a gzFile
};

}  // namespace smelt
