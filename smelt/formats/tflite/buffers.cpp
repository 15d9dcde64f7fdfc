#include "smelt/formats/tflite/buffers.h"

#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

using flatbuffers::Offset;

uint64_t padded(uint64_t bytes) {
  return (bytes + BufferTable::kAlignment - 1) / BufferTable::kAlignment * BufferTable::kAlignment;
}

/// Eight bytes at a time; equality is decided by the content, so a weak hash only costs time.
uint64_t hash(ByteView bytes) {
  uint64_t state = bytes.size();
  size_t i = 0;
  auto mix = [&](uint64_t word) {
    state = (state ^ word) * 0x9e3779b97f4a7c15ull;
    state ^= state >> 29;
  };
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    mix(word);
  }
  for (; i < bytes.size(); ++i) mix(bytes[i]);
  return state;
}

Offset<schema::Buffer> write_data(flatbuffers::FlatBufferBuilder& builder, ByteView bytes) {
  builder.ForceVectorAlignment(bytes.size(), 1, BufferTable::kAlignment);
  static constexpr uint8_t kNothing = 0;
  const auto data = builder.CreateVector(bytes.empty() ? &kNothing : bytes.data(), bytes.size());
  return schema::CreateBuffer(builder, data);
}

/// The same with room in the place of the data.
Offset<schema::Buffer> write_gap(flatbuffers::FlatBufferBuilder& builder, const Buffer& data,
                                 std::vector<Gap>& gaps) {
  builder.ForceVectorAlignment(data.size(), 1, BufferTable::kAlignment);
  uint8_t* room = nullptr;
  const auto vector = builder.CreateUninitializedVector<uint8_t>(data.size(), &room);
  gaps.push_back({builder.GetSize() - sizeof(flatbuffers::uoffset_t), data});
  return schema::CreateBuffer(builder, vector);
}

}  // namespace

std::vector<StoredBuffer> read_buffers(const schema::Model& model, const FileBytes& file,
                                       size_t& end) {
  std::vector<StoredBuffer> buffers;
  if (model.buffers() == nullptr) return buffers;
  buffers.reserve(model.buffers()->size());
  for (const schema::Buffer* from : *model.buffers()) {
    StoredBuffer& to = buffers.emplace_back();
    if (from->data() != nullptr) {
      to.present = true;
      to.data = Buffer::view({from->data()->data(), from->data()->size()}, file.owner);
    } else if (from->offset() > 1) {
      if (!in_range(from->offset(), from->size(), file.bytes.size())) {
        fail(ErrorKind::bad_file, "buffer {}: {} bytes at position {} of a file of {} bytes",
             buffers.size() - 1, from->size(), from->offset(), file.bytes.size());
      }
      to.present = true;
      to.data = Buffer::view(file.bytes.subspan(from->offset(), from->size()), file.owner);
      end = std::max(end, static_cast<size_t>(from->offset() + from->size()));
    }
  }
  return buffers;
}

Buffer aligned(const Buffer& buffer, size_t alignment) {
  const bool fits = reinterpret_cast<uintptr_t>(buffer.bytes().data()) % alignment == 0;
  return fits ? buffer : Buffer::copy_of(buffer.bytes());
}

uint32_t BufferTable::add(const Buffer& data) { return find_or_add(data, false); }
uint32_t BufferTable::add_inline(const Buffer& data) { return find_or_add(data, true); }

uint32_t BufferTable::find_or_add(const Buffer& data, bool within) {
  const uint64_t key = hash(data.bytes());
  const auto [first, last] = by_hash_.equal_range(key);
  for (auto i = first; i != last; ++i) {
    Entry& entry = entries_[i->second];
    if (entry.data != data) continue;
    entry.within |= within;
    return i->second + 1;
  }
  entries_.push_back({data, within || data.empty()});
  const auto index = static_cast<uint32_t>(entries_.size() - 1);
  by_hash_.emplace(key, index);
  return index + 1;
}

uint64_t BufferTable::bytes() const {
  constexpr uint64_t kTableBytes = 32;  // its table, the vector's length, its place in the list
  uint64_t total = 0;
  for (const Entry& entry : entries_) total += padded(entry.data.size()) + kTableBytes;
  return total;
}

// A flatbuffer grows towards its front, so the last buffer is written first.

Offset<flatbuffers::Vector<Offset<schema::Buffer>>> BufferTable::write_inline(
    flatbuffers::FlatBufferBuilder& builder, std::vector<Gap>& gaps) const {
  constexpr size_t kWorthAGap = 4096;  // each costs a write
  std::vector<Offset<schema::Buffer>> tables(entries_.size() + 1);
  for (size_t i = entries_.size(); i > 0; --i) {
    const Buffer& data = entries_[i - 1].data;
    tables[i] = data.size() < kWorthAGap ? write_data(builder, data.bytes())
                                         : write_gap(builder, data, gaps);
  }
  tables[0] = schema::CreateBuffer(builder);
  return builder.CreateVector(tables);
}

Offset<flatbuffers::Vector<Offset<schema::Buffer>>> BufferTable::write_outside(
    flatbuffers::FlatBufferBuilder& builder, uint64_t begin) const {
  std::vector<Offset<schema::Buffer>> tables(entries_.size() + 1);
  tables[0] = schema::CreateBuffer(builder);
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.within) {
      tables[i + 1] = write_data(builder, entry.data.bytes());
      continue;
    }
    tables[i + 1] = schema::CreateBuffer(builder, 0, begin, entry.data.size());
    begin += padded(entry.data.size());
  }
  return builder.CreateVector(tables);
}

std::vector<Buffer> BufferTable::outside() const {
  std::vector<Buffer> behind;
  for (const Entry& entry : entries_) {
    if (!entry.within) behind.push_back(entry.data);
  }
  return behind;
}

}  // namespace smelt::tflite
