#include "smelt/formats/saved_model/bundle.h"

#include "smelt/base/crc32c.h"
#include "smelt/formats/saved_model/table.h"
#include "smelt/formats/tensorflow/tensor_proto.h"

namespace smelt::saved_model {
namespace {

using tensorflow::proto::BundleEntryProto;

/// A box inside of `shape` with its lengths spelled out.
Box resolve(Box box, const Shape& shape) {
  if (box.start.size() != static_cast<size_t>(shape.rank())) {
    fail(ErrorKind::bad_file, "a slice has {} axes, the variable {}", box.start.size(),
         shape.rank());
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const auto i = static_cast<size_t>(axis);
    if (box.length[i] < 0) {
      box.start[i] = 0;
      box.length[i] = shape[axis];
    }
    if (box.start[i] < 0 ||
        !in_range(static_cast<uint64_t>(box.start[i]), static_cast<uint64_t>(box.length[i]),
                  static_cast<uint64_t>(shape[axis]))) {
      fail(ErrorKind::bad_file, "a slice lies outside of its variable {}", to_string(shape));
    }
  }
  return box;
}

Shape shape_of(const Box& box) {
  std::vector<int32_t> dims;
  for (const int64_t length : box.length) dims.push_back(static_cast<int32_t>(length));
  return Shape(std::move(dims));
}

/// Calls copy(offset in the whole, offset in the box, bytes) for every row of a resolved box.
template <class Copy>
void for_each_row(const Shape& whole, const Box& box, size_t element, Copy&& copy) {
  const Shape part = shape_of(box);
  const int64_t total = part.elements();
  if (total == 0) return;
  const int64_t row = whole.rank() == 0 ? 1 : box.length.back();
  for (int64_t at = 0; at < total; at += row) {
    int64_t offset = 0;
    int64_t rest = at;
    int64_t stride = 1;
    for (int axis = whole.rank() - 1; axis >= 0; --axis) {
      const auto i = static_cast<size_t>(axis);
      offset += (box.start[i] + rest % box.length[i]) * stride;
      rest /= box.length[i];
      stride *= whole[axis];
    }
    copy(static_cast<size_t>(offset) * element, static_cast<size_t>(at) * element,
         static_cast<size_t>(row) * element);
  }
}

Tensor cut(const Tensor& whole, const Box& box) {
  Tensor part{.name = whole.name, .type = whole.type, .shape = shape_of(box)};
  part.is_constant = true;
  const auto element = static_cast<size_t>(storage_bytes(whole.type, 1));
  const auto bytes = static_cast<size_t>(storage_bytes(part.type, part.shape.elements()));
  part.data = Buffer::make(bytes, [&](std::span<uint8_t> out) {
    for_each_row(whole.shape, box, element, [&](size_t from, size_t to, size_t size) {
      std::memcpy(out.data() + to, whole.data.bytes().data() + from, size);
    });
  });
  return part;
}

}  // namespace

Bundle::Bundle(const std::filesystem::path& prefix) : prefix_(prefix) {
  const auto file = MappedFile::open(prefix.string() + ".index");
  with_context(
      [&] { return prefix.filename().string() + ".index"; },
      [&] {
        entries_ = read_table(file->bytes());
        const auto header = entries_.find("");
        if (header == entries_.end()) fail(ErrorKind::bad_file, "it has no header");
        const auto message = tensorflow::parse<tensorflow::proto::BundleHeaderProto>(
            as_bytes(header->second), "the header");
        if (message.endianness() != 0) {
          fail(ErrorKind::unsupported, "big-endian variables are not supported");
        }
        constexpr int kMaxShards = 100'000;
        if (message.num_shards() < 1 || message.num_shards() > kMaxShards) {
          fail(ErrorKind::bad_file, "it speaks of {} files of values", message.num_shards());
        }
        for (int i = 0; i < message.num_shards(); ++i) {
          shards_.push_back(MappedFile::open(
              fmt::format("{}.data-{:05}-of-{:05}", prefix_.string(), i, message.num_shards())));
        }
      });
}

Tensor Bundle::read(const std::string& key, const std::string& slice) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) fail(ErrorKind::bad_file, "variable {} is not in the files", key);
  return with_context([&] { return "variable " + key; },
                      [&] {
                        const Tensor whole = read_entry(key, found->second);
                        if (slice.empty()) return whole;
                        return cut(whole, resolve(parse_slice(slice), whole.shape));
                      });
}

Tensor Bundle::read_entry(std::string_view key, const std::string& bytes) const {
  const auto entry = tensorflow::parse<BundleEntryProto>(as_bytes(bytes), "its entry");
  const Shape shape = tensorflow::static_shape(entry.shape());
  const std::string name(key);
  if (entry.slices().empty()) {
    const auto shard = static_cast<size_t>(entry.shard_id());
    if (entry.shard_id() < 0 || shard >= shards_.size() || entry.offset() < 0 || entry.size() < 0 ||
        !in_range(static_cast<uint64_t>(entry.offset()), static_cast<uint64_t>(entry.size()),
                  shards_[shard]->bytes().size())) {
      fail(ErrorKind::bad_file, "its values lie outside of their file");
    }
    const ByteView values = shards_[shard]->bytes().subspan(static_cast<size_t>(entry.offset()),
                                                            static_cast<size_t>(entry.size()));
    if (masked_crc32c(crc32c(values)) != entry.crc32c()) {
      fail(ErrorKind::bad_file, "the checksum of its values is wrong");
    }
    return tensorflow::tensor_from_bytes(name, entry.dtype(), shape, values, shards_[shard]);
  }
  // Values stand in the files in full, slice by slice.
  int64_t held = 0;
  for (const auto& shard : shards_) held += static_cast<int64_t>(shard->bytes().size());
  Tensor whole{.name = name, .type = tensorflow::data_type(entry.dtype()), .shape = shape};
  whole.is_constant = true;
  const int64_t size = storage_bytes(whole.type, shape.elements());
  if (size > 2 * held) fail(ErrorKind::bad_file, "it is larger than the files of values");
  const auto element = static_cast<size_t>(storage_bytes(whole.type, 1));
  whole.data = Buffer::make(static_cast<size_t>(size), [&](std::span<uint8_t> out) {
    for (const auto& stored : entry.slices()) {
      Box box;
      for (const auto& extent : stored.extent()) {
        const bool all = extent.has_length_case() != extent.kLength;
        box.start.push_back(all ? 0 : extent.start());
        box.length.push_back(all ? -1 : extent.length());
      }
      const auto part = entries_.find(slice_key(name, box));
      if (part == entries_.end()) fail(ErrorKind::bad_file, "a slice is missing");
      const Box place = resolve(box, shape);
      const auto part_entry =
          tensorflow::parse<BundleEntryProto>(as_bytes(part->second), "a slice");
      if (!part_entry.slices().empty()) fail(ErrorKind::bad_file, "a slice has slices");
      const Tensor values = read_entry(name, part->second);
      if (!(values.shape == shape_of(place)) || values.type != whole.type) {
        fail(ErrorKind::bad_file, "a slice has shape {}", to_string(values.shape));
      }
      for_each_row(shape, place, element, [&](size_t to, size_t from, size_t count) {
        std::memcpy(out.data() + to, values.data.bytes().data() + from, count);
      });
    }
  });
  return whole;
}

}  // namespace smelt::saved_model
