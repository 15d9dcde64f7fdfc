#include "smelt/formats/tflite/shared_pool.h"

#include <algorithm>

namespace smelt::tflite {

using flatbuffers::Offset;

Offset<flatbuffers::String> SharedPool::string(std::string_view text) {
  const auto found = strings_.find(text);
  if (found != strings_.end()) return found->second;
  const auto made = builder_.CreateString(text.data(), text.size());
  strings_.emplace(text, made.o);
  return made;
}

Offset<void> SharedPool::raw_vector(ByteView bytes, size_t element_size, size_t alignment) {
  VectorKey key{{element_size, alignment},
                {reinterpret_cast<const char*>(bytes.data()), bytes.size()}};
  const auto found = vectors_.find(key);
  if (found != vectors_.end()) return found->second;
  const size_t count = bytes.size() / element_size;
  builder_.ForceVectorAlignment(count, element_size, std::max(element_size, alignment));
  builder_.StartVector(count, element_size);
  builder_.PushBytes(bytes.data(), bytes.size());
  const flatbuffers::uoffset_t made = builder_.EndVector(count);
  vectors_.emplace(std::move(key), made);
  return made;
}

}  // namespace smelt::tflite
