#pragma once

#include <flatbuffers/flatbuffers.h>

#include <map>
#include <vector>

#include "smelt/ir/buffer.h"

namespace smelt::tflite {
namespace schema {
struct Buffer;
struct Model;
}  // namespace schema

/// A file in memory and who keeps it there.
struct FileBytes {
  ByteView bytes;
  std::shared_ptr<const void> owner;
};

/// Content of one entry of Model.buffers.
struct StoredBuffer {
  Buffer data;
  /// A vector is there, though it may be empty: runtimes take the tensor for a constant.
  bool present = false;
};

/// Views of all constant data, within the flatbuffer or behind it. `end` grows to the first byte
/// behind the last one.
std::vector<StoredBuffer> read_buffers(const schema::Model& model, const FileBytes& file,
                                       size_t& end);

/// `buffer`, copied where its address is no multiple of what `alignment` asks.
Buffer aligned(const Buffer& buffer, size_t alignment);

/// Content that belongs into the flatbuffer and was left out of it, so that large constants are not
/// copied: its first byte stands `from_end` bytes before the flatbuffer's end.
struct Gap {
  uint64_t from_end;
  Buffer data;
};

/// Collects the constants of a model being written, equal ones once, and writes Model.buffers.
class BufferTable {
 public:
  static constexpr size_t kAlignment = 16;

  /// The index for `data`; a place of its own, with a vector of length 0, for empty data.
  uint32_t add(const Buffer& data);
  /// The same for bytes that runtimes look for only within the flatbuffer (metadata).
  uint32_t add_inline(const Buffer& data);

  /// All content, with the padding that alignment may cost.
  uint64_t bytes() const;

  /// The table with the data in it, but for gaps of that size, which are appended to `gaps` from
  /// the end of the flatbuffer to its begin.
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<schema::Buffer>>> write_inline(
      flatbuffers::FlatBufferBuilder& builder, std::vector<Gap>& gaps) const;
  /// The table with the data of `add` at position `begin` of the file and behind; see `outside`.
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<schema::Buffer>>> write_outside(
      flatbuffers::FlatBufferBuilder& builder, uint64_t begin) const;

  /// What stands behind the flatbuffer after `write_outside`, each padded to a multiple of 16.
  std::vector<Buffer> outside() const;

 private:
  struct Entry {
    Buffer data;
    bool within = false;
  };
  uint32_t find_or_add(const Buffer& data, bool within);

  std::vector<Entry> entries_;  // entry i is buffer i + 1; buffer 0 is empty by convention
  std::multimap<uint64_t, uint32_t> by_hash_;
};

}  // namespace smelt::tflite
