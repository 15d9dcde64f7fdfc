#pragma once

#include <flatbuffers/flatbuffers.h>

#include <string>
#include <vector>

#include "smelt/base/bytes.h"

namespace smelt::tflite {

/// Bounds the memory that a file can make its reader take. A flatbuffer may point at one long
/// vector from a million places; honest files share far less than the factor allowed here.
class Budget {
 public:
  explicit Budget(size_t file_bytes) : left_(uint64_t{32} * file_bytes + (uint64_t{16} << 20)) {}

  void charge(size_t bytes) {
    if (bytes > left_) fail(ErrorKind::bad_file, "the content is far larger than its file");
    left_ -= bytes;
  }

 private:
  uint64_t left_;
};

/// An absent vector reads as an empty one.
template <class T>
std::vector<T> to_vector(const flatbuffers::Vector<T>* from, Budget& budget) {
  if (from == nullptr || from->size() == 0) return {};
  budget.charge(size_t{from->size()} * sizeof(T));
  std::vector<T> to(from->size());
  std::memcpy(to.data(), from->Data(), to.size() * sizeof(T));
  return to;
}

/// An absent string reads as an empty one.
inline std::string to_string(const flatbuffers::String* from, Budget& budget) {
  if (from == nullptr) return {};
  budget.charge(from->size());
  return {from->c_str(), from->size()};
}

}  // namespace smelt::tflite
