#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/base/file.h"
#include "smelt/ir/tensor.h"

namespace smelt::saved_model {

/// A TensorBundle: PREFIX.index, a table of names and places, and the values in
/// PREFIX.data-00000-of-00001 and so on, which are mapped. Opened files that are missing are an io
/// error; what contradicts itself is bad_file.
class Bundle {
 public:
  /// `prefix` is .../variables/variables.
  explicit Bundle(const std::filesystem::path& prefix);

  bool contains(std::string_view key) const { return entries_.find(key) != entries_.end(); }

  /// The tensor under a key, put together where it is stored in slices. `slice` is the part that a
  /// RestoreV2 op asks for: empty for all, else "4 8 0,2:-", the whole shape, then start and length
  /// or "-" for each axis.
  Tensor read(const std::string& key, const std::string& slice = "") const;

 private:
  Tensor read_entry(std::string_view key, const std::string& entry) const;

  std::filesystem::path prefix_;
  std::map<std::string, std::string, std::less<>> entries_;
  std::vector<std::shared_ptr<const MappedFile>> shards_;
};

/// A box in a tensor; length -1: the whole axis.
struct Box {
  std::vector<int64_t> start;
  std::vector<int64_t> length;
};

/// The key under which a slice of tensor `name` is stored (TensorFlow's EncodeTensorNameSlice, over
/// the ordered code of its lib/strings).
std::string slice_key(const std::string& name, const Box& slice);

/// "4 8 0,2:-" -> the box; bad_file where it is malformed.
Box parse_slice(const std::string& text);

}  // namespace smelt::saved_model
