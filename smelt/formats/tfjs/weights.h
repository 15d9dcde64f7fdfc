#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "smelt/formats/keras/config.h"
#include "smelt/ir/tensor.h"

namespace smelt::tfjs {

using keras::Json;

/// The weights that `weightsManifest` lists: groups of weights that follow each other in the
/// concatenation of the group's files.
class Weights {
 public:
  /// `folder` is where the files are. bad_file where they are too short for the manifest.
  Weights(const Json& manifest, const std::filesystem::path& folder);

  /// Names in the manifest's order.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return entries_.contains(name); }
  /// The number behind "DT_FLOAT" that the weight has once it is read.
  int32_t tf_type(const std::string& name) const { return entries_.at(name).tf_type; }
  const Shape& shape(const std::string& name) const { return entries_.at(name).shape; }
  /// The weight as a constant; stored integers become scale * stored + min.
  Tensor read(const std::string& name) const;

 private:
  struct Entry {
    Shape shape;
    int32_t tf_type = 0;  ///< of the values
    std::string stored;   ///< how they are quantized: "uint8", ...; empty: not at all
    float scale = 1;
    float min = 0;
    ByteView bytes;
    std::shared_ptr<const void> owner;
  };

  void read_group(const Json& group, const std::filesystem::path& folder);

  std::vector<std::string> names_;
  std::map<std::string, Entry> entries_;
};

}  // namespace smelt::tfjs
