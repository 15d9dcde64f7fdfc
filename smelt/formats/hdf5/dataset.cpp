#include <cstring>

#include "smelt/formats/hdf5/chunks.h"
#include "smelt/formats/hdf5/datatype.h"
#include "smelt/formats/hdf5/hdf5.h"
#include "smelt/formats/hdf5/object_header.h"

namespace smelt::hdf5 {
namespace internal {
namespace {

enum LayoutClass : uint8_t { compact = 0, contiguous = 1, chunked = 2, virtual_layout = 3 };

/// The raw elements in row-major order; `storage` holds them where the file does not.
struct Raw {
  ByteView bytes;
  std::vector<uint8_t> storage;
};

ByteView exactly(ByteView found, uint64_t wanted) {
  if (found.size() < wanted) {
    fail(ErrorKind::bad_file, "it has {} bytes of {}", found.size(), wanted);
  }
  return found.first(wanted);
}

Raw read_chunks(const ObjectHeader& header, Cursor in, int version, const Dataspace& space,
                uint32_t element_size) {
  Raw raw;
  raw.storage = read_chunked(header, in, version, space, element_size);
  raw.bytes = raw.storage;
  return raw;
}

/// Layout versions 1 and 2: rank, class, then address and sizes in a row.
Raw read_old_layout(const ObjectHeader& header, Cursor in, const Dataspace& space,
                    uint32_t element_size, uint64_t wanted) {
  const int rank = in.u8();
  const uint8_t kind = in.u8();
  in.skip(5);
  if (kind == compact) {
    in.skip(4 * static_cast<uint64_t>(rank));
    return {exactly(in.take(in.u32()), wanted), {}};
  }
  if (kind == contiguous) {
    return {header.image->span(in.address(), wanted, "data"), {}};
  }
  if (kind != chunked) fail(ErrorKind::unsupported, "layout of class {}", kind);
  // Behind the class stands what version 3 has there, but for the rank in front.
  std::vector<uint8_t> message{static_cast<uint8_t>(rank)};
  const ByteView rest = in.take(in.remaining());
  message.insert(message.end(), rest.begin(), rest.end());
  return read_chunks(header, Cursor(*header.image, message, "layout"), 3, space, element_size);
}

Raw read_raw(const ObjectHeader& header, const Dataspace& space, uint32_t element_size) {
  if (header.find(MessageType::external_files) != nullptr) {
    fail(ErrorKind::unsupported, "its values lie in another file");
  }
  const auto wanted =
      static_cast<uint64_t>(checked_mul(space.elements(), element_size, "size of a dataset"));
  if (wanted == 0) return {};
  Cursor in = header.read(MessageType::layout, "layout");
  const uint8_t version = in.version(1, 4);
  if (version < 3) return read_old_layout(header, in, space, element_size, wanted);
  switch (in.u8()) {
    case compact:
      return {exactly(in.take(in.u16()), wanted), {}};
    case contiguous: {
      const uint64_t address = in.address();
      if (address == kUndefined) fail(ErrorKind::bad_file, "its values were never written");
      return {header.image->span(address, wanted, "data"), {}};
    }
    case chunked:
      return read_chunks(header, in, version, space, element_size);
    default:
      fail(ErrorKind::unsupported, "it is assembled from other datasets");
  }
}

Datatype type_of(const ObjectHeader& header) {
  return read_datatype(header.read(MessageType::datatype, "datatype"));
}

Dataspace space_of(const ObjectHeader& header) {
  return read_dataspace(header.read(MessageType::dataspace, "dataspace"));
}

}  // namespace
}  // namespace internal

using internal::Datatype;

Dataset::Dataset(std::shared_ptr<const internal::ObjectHeader> header) : Object(std::move(header)) {
  if (header_->find(internal::MessageType::layout) == nullptr) {
    fail(ErrorKind::bad_file, "not a dataset");
  }
  shape_ = internal::space_of(*header_).dims;
}

int64_t Dataset::elements() const { return internal::space_of(*header_).elements(); }

std::string Dataset::type_name() const { return internal::type_of(*header_).name(); }

Floats Dataset::floats() const {
  const Datatype type = internal::type_of(*header_);
  const internal::Raw raw = internal::read_raw(*header_, internal::space_of(*header_), type.size);
  const size_t count = raw.bytes.size() / type.size;
  const bool aligned = reinterpret_cast<uintptr_t>(raw.bytes.data()) % alignof(float) == 0;
  if (raw.storage.empty() && aligned && internal::is_native_float(type)) {
    return {{reinterpret_cast<const float*>(raw.bytes.data()), count}, header_};
  }
  auto converted = std::make_shared<std::vector<float>>(count);
  internal::to_floats(type, raw.bytes, *converted);
  return {*converted, converted};
}

}  // namespace smelt::hdf5
