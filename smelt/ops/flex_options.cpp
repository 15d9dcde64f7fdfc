#include "smelt/ops/flex_options.h"

// Numbers that are stored as text are refused, so that the library behind the header is not needed.
#define FLATBUFFERS_LOCALE_INDEPENDENT 0
#include <flatbuffers/flexbuffers.h>

#include <limits>
#include <string>

#include "smelt/base/error.h"

namespace smelt {
namespace {

flexbuffers::Reference find(const std::vector<uint8_t>& bytes, std::string_view name) {
  if (bytes.empty()) return {};
  const flexbuffers::Map map = flexbuffers::GetRoot(bytes.data(), bytes.size()).AsMap();
  const flexbuffers::TypedVector keys = map.Keys();
  const flexbuffers::Vector values = map.Values();
  for (size_t i = 0; i < keys.size() && i < values.size(); ++i) {
    if (name == keys[i].AsKey()) return values[i];
  }
  return {};
}

flexbuffers::Reference find_number(const std::vector<uint8_t>& bytes, std::string_view name) {
  const flexbuffers::Reference value = find(bytes, name);
  if (!value.IsNull() && !value.IsNumeric() && !value.IsBool()) {
    fail(ErrorKind::bad_file, "its option {} is no number", name);
  }
  return value;
}

}  // namespace

FlexOptions::FlexOptions(const CustomAttributes& attributes) : bytes_(attributes.options) {
  if (bytes_.empty()) return;
  std::vector<uint8_t> seen;
  if (!flexbuffers::VerifyBuffer(bytes_.data(), bytes_.size(), &seen) ||
      !flexbuffers::GetRoot(bytes_.data(), bytes_.size()).IsMap()) {
    fail(ErrorKind::bad_file, "its options are damaged");
  }
}

bool FlexOptions::has(std::string_view name) const { return !find(bytes_, name).IsNull(); }

int32_t FlexOptions::integer(std::string_view name, int32_t missing) const {
  const flexbuffers::Reference value = find_number(bytes_, name);
  if (value.IsNull()) return missing;
  const int64_t number = value.IsFloat() ? static_cast<int64_t>(missing) : value.AsInt64();
  if (value.IsFloat() || number < std::numeric_limits<int32_t>::min() ||
      number > std::numeric_limits<int32_t>::max()) {
    fail(ErrorKind::bad_file, "its option {} is no 32-bit integer", name);
  }
  return static_cast<int32_t>(number);
}

bool FlexOptions::boolean(std::string_view name, bool missing) const {
  const flexbuffers::Reference value = find_number(bytes_, name);
  return value.IsNull() ? missing : value.AsBool();
}

float FlexOptions::number(std::string_view name, float missing) const {
  const flexbuffers::Reference value = find_number(bytes_, name);
  return value.IsNull() ? missing : value.AsFloat();
}

}  // namespace smelt
