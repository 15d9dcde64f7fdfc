#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "smelt/ir/attributes.h"

namespace smelt {

/// The options of a custom op: a map from names to numbers, serialized as a flexbuffer. Verified
/// before anything is read from it.
class FlexOptions {
 public:
  /// bad_file where the bytes are no flexbuffer or hold no map. No bytes are an empty map. The
  /// attributes must outlive this.
  explicit FlexOptions(const CustomAttributes& attributes);

  bool has(std::string_view name) const;
  /// The value; `missing` where there is none of that name. bad_file where it is no number or does
  /// not fit int32.
  int32_t integer(std::string_view name, int32_t missing = 0) const;
  bool boolean(std::string_view name, bool missing = false) const;
  float number(std::string_view name, float missing = 0.0f) const;

 private:
  const std::vector<uint8_t>& bytes_;
};

}  // namespace smelt
