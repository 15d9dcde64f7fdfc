#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

#include "smelt/base/error.h"

namespace smelt {

using ByteView = std::span<const uint8_t>;

/// True where [offset, offset + size) lies inside [0, total). Cannot overflow.
constexpr bool in_range(uint64_t offset, uint64_t size, uint64_t total) {
  return size <= total && offset <= total - size;
}

/// a * b, or bad_file naming `what` where the product leaves int64 or a factor is negative.
int64_t checked_mul(int64_t a, int64_t b, std::string_view what);

/// Reads little-endian scalars from untrusted bytes; every read is checked.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  /// The next `count` bytes. bad_file, naming `what`, where fewer are left.
  ByteView take(size_t count, std::string_view what);

  template <class T>
  T read(std::string_view what) {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  /// The same for big-endian files (IDX).
  uint32_t read_u32_be(std::string_view what);

 private:
  ByteView bytes_;
  size_t position_ = 0;
};

template <class T>
ByteView as_bytes(std::span<const T> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace smelt
