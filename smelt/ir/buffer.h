#pragma once

#include <memory>
#include <span>
#include <vector>

#include "smelt/base/bytes.h"

namespace smelt {

/// Immutable constant data, shared between copies of a model and kept alive by whoever owns it: a
/// heap block (64-byte aligned) or a mapped file. Copying a Buffer copies a pointer.
class Buffer {
 public:
  Buffer() = default;

  /// A new block holding a copy of `bytes`.
  static Buffer copy_of(ByteView bytes);

  /// A new zeroed block of `size` bytes; `fill` writes it once, before anyone else sees it.
  template <class Fill>
  static Buffer make(size_t size, Fill&& fill) {
    Buffer buffer = zeros(size);
    fill(std::span<uint8_t>(const_cast<uint8_t*>(buffer.bytes_.data()), size));
    return buffer;
  }

  /// `bytes` of which `owner` keeps the memory alive (a MappedFile).
  static Buffer view(ByteView bytes, std::shared_ptr<const void> owner) {
    return Buffer(bytes, std::move(owner));
  }

  template <class T>
  static Buffer of(std::span<const T> values) {
    return copy_of(as_bytes(values));
  }
  template <class T>
  static Buffer of(const std::vector<T>& values) {
    return of(std::span<const T>(values));
  }

  bool empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  ByteView bytes() const { return bytes_; }

  /// The content as values of T. Readers make sure that constants are aligned for their type.
  template <class T>
  std::span<const T> as() const {
    SMELT_CHECK(reinterpret_cast<uintptr_t>(bytes_.data()) % alignof(T) == 0);
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }

  /// Equal content; two views of the same memory compare without reading it.
  bool operator==(const Buffer& other) const;

 private:
  Buffer(ByteView bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}
  static Buffer zeros(size_t size);

  ByteView bytes_;
  std::shared_ptr<const void> owner_;
};

}  // namespace smelt
