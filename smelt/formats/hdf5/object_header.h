#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "smelt/formats/hdf5/image.h"

namespace smelt::hdf5::internal {

enum class MessageType : uint16_t {
  dataspace = 0x1,
  link_info = 0x2,
  datatype = 0x3,
  link = 0x6,
  external_files = 0x7,
  layout = 0x8,
  filters = 0xB,
  attribute = 0xC,
  continuation = 0x10,
  symbol_table = 0x11,
  attribute_info = 0x15,
};

struct Message {
  MessageType type;
  ByteView data;  ///< of a shared message: the message that it refers to
};

/// All messages of a group or dataset, from every block of its header.
struct ObjectHeader {
  std::shared_ptr<const Image> image;
  std::vector<Message> messages;

  /// The first message of that type, null where there is none.
  const Message* find(MessageType type) const;
  /// The same as a cursor over its data; bad_file, naming `what`, where there is none.
  Cursor read(MessageType type, std::string_view what) const;
};

/// Reads the header at `address`, versions 1 and 2.
ObjectHeader read_object_header(std::shared_ptr<const Image> image, uint64_t address);

/// Follows a shared message to the object that holds the real one.
/// `depth` counts references followed so far.
ByteView resolve_shared(const std::shared_ptr<const Image>& image, MessageType type,
                        ByteView reference, int depth = 0);

}  // namespace smelt::hdf5::internal
