#pragma once

#include <flatbuffers/flatbuffers.h>

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "smelt/base/bytes.h"

namespace smelt::tflite {

/// Writes strings, vectors and tables of a flatbuffer once each: whoever asks for equal content
/// gets the offset of what stands there already, which the format allows.
class SharedPool {
 public:
  explicit SharedPool(flatbuffers::FlatBufferBuilder& builder) : builder_(builder) {}

  flatbuffers::FlatBufferBuilder& builder() { return builder_; }

  /// Also for an empty string; readers ask some names to be there.
  flatbuffers::Offset<flatbuffers::String> string(std::string_view text);
  /// A null offset, which leaves the field out, for an empty string.
  flatbuffers::Offset<flatbuffers::String> optional_string(std::string_view text) {
    return text.empty() ? flatbuffers::Offset<flatbuffers::String>() : string(text);
  }

  /// Aligned to the element size or `alignment`, whichever is greater.
  template <class T>
  flatbuffers::Offset<flatbuffers::Vector<T>> vector(std::span<const T> values,
                                                     size_t alignment = sizeof(T)) {
    return raw_vector(as_bytes(values), sizeof(T), alignment).o;
  }
  template <class T>
  flatbuffers::Offset<flatbuffers::Vector<T>> vector(const std::vector<T>& values,
                                                     size_t alignment = sizeof(T)) {
    return vector(std::span<const T>(values), alignment);
  }
  /// A null offset for an empty vector.
  template <class T>
  flatbuffers::Offset<flatbuffers::Vector<T>> optional_vector(const std::vector<T>& values,
                                                              size_t alignment = sizeof(T)) {
    return values.empty() ? flatbuffers::Offset<flatbuffers::Vector<T>>()
                          : vector(values, alignment);
  }

  /// The table that `write` makes, or an earlier one under the same key. The key must name
  /// everything that the table holds.
  template <class T, class Write>
  flatbuffers::Offset<T> table(std::string key, Write&& write) {
    const auto found = tables_.find(key);
    if (found != tables_.end()) return found->second;
    const flatbuffers::Offset<T> made = write();
    tables_.emplace(std::move(key), made.o);
    return made;
  }

 private:
  flatbuffers::Offset<void> raw_vector(ByteView bytes, size_t element_size, size_t alignment);

  using VectorKey = std::pair<std::pair<size_t, size_t>, std::string>;
  flatbuffers::FlatBufferBuilder& builder_;
  std::map<std::string, flatbuffers::uoffset_t, std::less<>> strings_;
  std::map<VectorKey, flatbuffers::uoffset_t> vectors_;
  std::map<std::string, flatbuffers::uoffset_t> tables_;
};

/// Appends the bytes of plain values to a key of SharedPool::table.
template <class... Values>
std::string table_key(std::string_view kind, const Values&... values) {
  std::string key(kind);
  auto append = [&](const auto& value) {
    static_assert(std::is_trivially_copyable_v<std::decay_t<decltype(value)>>);
    key.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  (append(values), ...);
  return key;
}

}  // namespace smelt::tflite
