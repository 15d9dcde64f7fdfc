#include "smelt/ir/buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace smelt {

Buffer Buffer::zeros(size_t size) {
  if (size == 0) return {};
  constexpr std::align_val_t kAlignment{64};
  auto* block = static_cast<uint8_t*>(::operator new(size, kAlignment));
  std::memset(block, 0, size);
  std::shared_ptr<const void> owner(
      block, [](const void* p) { ::operator delete (const_cast<void*>(p), std::align_val_t{64}); });
  return Buffer({block, size}, std::move(owner));
}

Buffer Buffer::copy_of(ByteView bytes) {
  return make(bytes.size(),
              [&](std::span<uint8_t> to) { std::copy(bytes.begin(), bytes.end(), to.begin()); });
}

bool Buffer::operator==(const Buffer& other) const {
  if (bytes_.size() != other.bytes_.size()) return false;
  return bytes_.data() == other.bytes_.data() ||
         std::equal(bytes_.begin(), bytes_.end(), other.bytes_.begin());
}

}  // namespace smelt
