#include "smelt/formats/hdf5/object_header.h"

namespace smelt::hdf5::internal {
namespace {

constexpr uint8_t kSharedFlag = 2;
constexpr int kMaxSharedDepth = 4;

struct Block {
  uint64_t address;
  uint64_t size;
};

/// Collects messages block by block; continuation messages add blocks.
class HeaderReader {
 public:
  HeaderReader(std::shared_ptr<const Image> image, int depth)
      : image_(std::move(image)), depth_(depth) {}

  ObjectHeader read(uint64_t address) {
    const ByteView start = image_->span(address, 4, "object header");
    if (std::equal(start.begin(), start.end(), "OHDR")) {
      read_version_2(address);
    } else {
      read_version_1(address);
    }
    return {std::move(image_), std::move(messages_)};
  }

 private:
  void read_version_1(uint64_t address) {
    Cursor in = image_->at(address, "object header");
    in.version(1, 1);
    in.skip(1 + 2 + 4);  // reserved, number of messages, reference count
    const uint32_t size = in.u32();
    blocks_.push_back({address + 16, size});  // messages are aligned to 8 bytes
    while (!blocks_.empty()) {
      Cursor block = open_block();
      while (block.remaining() >= 8) {
        const auto type = static_cast<MessageType>(block.u16());
        const uint16_t length = block.u16();
        const uint8_t flags = block.u8();
        block.skip(3);
        add(type, flags, block.take(length));
      }
    }
  }

  void read_version_2(uint64_t address) {
    Cursor in = image_->at(address, "object header");
    in.skip(4);
    in.version(2, 2);
    const uint8_t flags = in.u8();
    if (flags & 0x20) in.skip(16);  // times
    if (flags & 0x10) in.skip(4);   // limits of attribute storage
    const uint64_t size = in.uint(1 << (flags & 3));
    const bool creation_order = flags & 4;
    blocks_.push_back({address + in.position(), size});
    read_messages_2(open_block(), creation_order);
    while (!blocks_.empty()) {
      Cursor block = open_block();
      block.signature("OCHK");
      const size_t body = block.remaining();
      if (body < 4) fail(ErrorKind::bad_file, "object header: block too small");
      const ByteView content = block.take(body - 4);  // a checksum follows
      read_messages_2(Cursor(*image_, content, "object header"), creation_order);
    }
  }

  void read_messages_2(Cursor block, bool creation_order) {
    const size_t prefix = creation_order ? 6 : 4;
    while (block.remaining() >= prefix) {
      const auto type = static_cast<MessageType>(block.u8());
      const uint16_t length = block.u16();
      const uint8_t flags = block.u8();
      if (creation_order) block.skip(2);
      add(type, flags, block.take(length));
    }
  }

  Cursor open_block() {
    const Block block = blocks_.back();
    blocks_.pop_back();
    visited_.add(block.address, "object header block");
    image_->charge(block.size);
    return image_->at(block.address, block.size, "object header");
  }

  void add(MessageType type, uint8_t flags, ByteView data) {
    if (type == MessageType::continuation) {
      Cursor in(*image_, data, "header continuation");
      const uint64_t address = in.address();
      blocks_.push_back({address, in.length()});
      return;
    }
    if (static_cast<uint16_t>(type) == 0) return;  // free space
    if (flags & kSharedFlag) data = resolve_shared(image_, type, data, depth_);
    messages_.push_back({type, data});
  }

  std::shared_ptr<const Image> image_;
  int depth_;
  std::vector<Message> messages_;
  std::vector<Block> blocks_;
  Visited visited_;
};

}  // namespace

const Message* ObjectHeader::find(MessageType type) const {
  for (const Message& message : messages) {
    if (message.type == type) return &message;
  }
  return nullptr;
}

Cursor ObjectHeader::read(MessageType type, std::string_view what) const {
  const Message* message = find(type);
  if (message == nullptr) fail(ErrorKind::bad_file, "{} is missing", what);
  return {*image, message->data, what};
}

ObjectHeader read_object_header(std::shared_ptr<const Image> image, uint64_t address) {
  return HeaderReader(std::move(image), 0).read(address);
}

ByteView resolve_shared(const std::shared_ptr<const Image>& image, MessageType type,
                        ByteView reference, int depth) {
  if (depth >= kMaxSharedDepth) fail(ErrorKind::bad_file, "shared messages refer in a loop");
  Cursor in(*image, reference, "shared message");
  const uint8_t version = in.version(1, 3);
  const uint8_t kind = in.u8();
  if (version == 1) in.skip(6);
  if (version == 3 && kind != 2) {
    fail(ErrorKind::unsupported, "the file shares messages through a heap");
  }
  const ObjectHeader target = HeaderReader(image, depth + 1).read(in.address());
  return target.read(type, "shared message").take(target.find(type)->data.size());
}

}  // namespace smelt::hdf5::internal
