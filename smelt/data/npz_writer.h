#pragma once

#include <atomic>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>

#include "smelt/base/file.h"
#include "smelt/data/array.h"

namespace smelt {

/// Writes a .npz archive of stored members, which appears under its name only when `commit`
/// succeeds. All arrays are declared by type and shape first or as they come; rows then go straight
/// to their place in the file, in any order, so that memory does not grow with the arrays. The same
/// arrays give the same bytes.
class NpzWriter {
 public:
  explicit NpzWriter(const std::filesystem::path& path);
  ~NpzWriter();
  NpzWriter(const NpzWriter&) = delete;
  NpzWriter& operator=(const NpzWriter&) = delete;

  /// Declares an array [N, ...] and returns its number. bad_argument where the key was used before
  /// or is longer than a zip name; unsupported for types that NumPy lacks. Not thread-safe.
  int add(std::string_view key, DataType type, const Shape& shape);

  /// Declares and writes a whole array.
  void add(std::string_view key, const Array& array);

  /// Writes whole rows beginning with `first_row`, each row once. Thread-safe after the arrays have
  /// been declared.
  void write(int array, int64_t first_row, ByteView rows);

  /// Completes the archive. Every row must have been written.
  void commit();

 private:
  struct Member {
    std::string name;
    std::string npy_header;
    uint64_t local = 0;  ///< offset of the local header
    uint64_t data = 0;   ///< offset of the .npy header
    uint64_t size = 0;   ///< bytes of the .npy header and the values
    uint64_t row_bytes = 0;
    uint32_t crc = 0;
    std::atomic<uint64_t> written = 0;
  };

  void write_at(uint64_t offset, ByteView bytes);
  uint32_t crc_of(const Member& member);

  std::filesystem::path path_;
  AtomicFile file_;
  int descriptor_ = -1;
  uint64_t end_ = 0;
  std::deque<Member> members_;
};

}  // namespace smelt
