#include <algorithm>
#include <optional>

#include "smelt/formats/hdf5/btree.h"
#include "smelt/formats/hdf5/datatype.h"
#include "smelt/formats/hdf5/hdf5.h"
#include "smelt/formats/hdf5/heap.h"
#include "smelt/formats/hdf5/object_header.h"

namespace smelt::hdf5 {
namespace internal {
namespace {

struct Attribute {
  std::string_view name;
  Datatype type;
  Dataspace space;
  ByteView data;
};

/// Version 1 pads each part to 8 bytes; 2 and 3 do not and may share type and space.
Attribute read_attribute(const std::shared_ptr<const Image>& image, ByteView message) {
  Cursor in(*image, message, "attribute");
  const uint8_t version = in.version(1, 3);
  const uint8_t flags = in.u8();
  const uint16_t name_size = in.u16();
  const uint16_t type_size = in.u16();
  const uint16_t space_size = in.u16();
  if (version == 3) in.skip(1);  // character set of the name
  const auto part = [&](uint16_t size) {
    const ByteView bytes = in.take(size);
    if (version == 1) in.align(8);
    return bytes;
  };
  const auto shared = [&](bool is_shared, MessageType type, ByteView bytes) {
    return is_shared && version > 1 ? resolve_shared(image, type, bytes) : bytes;
  };
  const ByteView name = part(name_size);
  const ByteView type = shared(flags & 1, MessageType::datatype, part(type_size));
  const ByteView space = shared(flags & 2, MessageType::dataspace, part(space_size));
  Attribute attribute;
  attribute.name = {reinterpret_cast<const char*>(name.data()),
                    static_cast<size_t>(std::find(name.begin(), name.end(), 0) - name.begin())};
  attribute.type = read_datatype(Cursor(*image, type, "datatype"));
  attribute.space = read_dataspace(Cursor(*image, space, "dataspace"));
  attribute.data = in.take(in.remaining());
  return attribute;
}

/// Objects with many attributes keep them in a heap, listed by a tree.
std::optional<Attribute> find_dense(const ObjectHeader& header, std::string_view name) {
  if (header.find(MessageType::attribute_info) == nullptr) return std::nullopt;
  Cursor in = header.read(MessageType::attribute_info, "attribute information");
  in.version(0, 0);
  if (in.u8() & 1) in.skip(2);
  const uint64_t heap_address = in.address();
  if (heap_address == kUndefined) return std::nullopt;
  const FractalHeap heap(*header.image, heap_address);
  const BTree2 tree(*header.image, in.address(), "tree of attributes");
  if (tree.record_type() != 8) fail(ErrorKind::bad_file, "tree of attributes of a wrong kind");
  std::optional<Attribute> found;
  tree.visit([&](Cursor record) {
    const ByteView message = heap.object(record.take(heap.id_size()));
    if (record.u8() & 2) fail(ErrorKind::unsupported, "an attribute is shared");
    Attribute attribute = read_attribute(header.image, message);
    if (attribute.name == name) found = attribute;
  });
  return found;
}

std::optional<Attribute> find_attribute(const ObjectHeader& header, std::string_view name) {
  for (const Message& message : header.messages) {
    if (message.type != MessageType::attribute) continue;
    Attribute attribute = read_attribute(header.image, message.data);
    if (attribute.name == name) return attribute;
  }
  return find_dense(header, name);
}

/// Cut at the first zero byte; trailing spaces go where they are padding.
std::string text_of(ByteView raw, bool space_padded) {
  std::string text(raw.begin(), std::find(raw.begin(), raw.end(), 0));
  if (space_padded) text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> read_strings(const Image& image, const Attribute& attribute) {
  const int64_t count = attribute.space.elements();
  if (count == 0) return {};
  const Datatype& type = attribute.type;
  const bool variable = type.kind == Datatype::Kind::variable_string;
  if (!variable && type.kind != Datatype::Kind::string) {
    fail(ErrorKind::bad_file, "it holds {}, not strings", type.name());
  }
  if (checked_mul(count, type.size, "size of an attribute") >
      static_cast<int64_t>(attribute.data.size())) {
    fail(ErrorKind::bad_file, "{} strings do not fit its {} bytes", count, attribute.data.size());
  }
  constexpr uint64_t kMaxBytes = 256u << 20;
  GlobalHeap heap(image);
  uint64_t total = 0;
  std::vector<std::string> strings;
  for (int64_t i = 0; i < count; ++i) {
    ByteView raw = attribute.data.subspan(static_cast<size_t>(i) * type.size, type.size);
    if (variable) {
      Cursor in(image, raw, "string");
      const uint32_t length = in.u32();
      const uint64_t collection = in.address();
      const uint32_t index = in.u32();
      raw = {};
      if (length > 0) raw = heap.object(collection, index);
      if (length > raw.size()) fail(ErrorKind::bad_file, "a string is longer than its heap object");
      raw = raw.first(length);
    }
    total += raw.size();
    if (total > kMaxBytes) fail(ErrorKind::bad_file, "its strings take over {} bytes", kMaxBytes);
    strings.push_back(text_of(raw, type.space_padded));
  }
  return strings;
}

}  // namespace
}  // namespace internal

bool Object::has_attribute(std::string_view name) const {
  return internal::find_attribute(*header_, name).has_value();
}

std::vector<std::string> Object::attribute_strings(std::string_view name) const {
  return with_context([&] { return fmt::format("attribute \"{}\"", name); },
                      [&] {
                        const auto attribute = internal::find_attribute(*header_, name);
                        if (!attribute) fail(ErrorKind::bad_file, "it is missing");
                        return internal::read_strings(*header_->image, *attribute);
                      });
}

std::string Object::attribute_string(std::string_view name) const {
  std::vector<std::string> strings = attribute_strings(name);
  if (strings.size() != 1) {
    fail(ErrorKind::bad_file, "attribute \"{}\" holds {} strings instead of one", name,
         strings.size());
  }
  return std::move(strings[0]);
}

}  // namespace smelt::hdf5
