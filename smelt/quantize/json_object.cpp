#include "smelt/quantize/json_object.h"

#include <algorithm>

#include "smelt/base/error.h"

namespace smelt {
namespace {

constexpr int kMaxDepth = 64;  // the parser needs no stack per level, what walks its result does

}  // namespace

Json parse_json(std::string_view text) {
  const auto limit = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) fail(ErrorKind::bad_file, "nested over {} levels deep", kMaxDepth);
    return true;
  };
  try {
    return Json::parse(text, limit);
  } catch (const Json::exception& error) {
    fail(ErrorKind::bad_file, "{}", error.what());
  }
}

JsonObject::JsonObject(const Json& value, std::string where,
                       const std::vector<std::string_view>& keys)
    : value_(&value), where_(std::move(where)) {
  if (!value.is_object()) fail(ErrorKind::bad_file, "{} is no table of keys and values", where_);
  if (keys.empty()) return;
  for (const auto& [key, unused] : value.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    fail(ErrorKind::bad_file, "{} has no key '{}'; there are {}", where_, key,
         fmt::join(keys, ", "));
  }
}

void JsonObject::wrong(std::string_view key, std::string_view problem) const {
  fail(ErrorKind::bad_file, "{}: {} {}", where_, key, problem);
}

const Json* JsonObject::find(std::string_view key) const {
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

const Json& JsonObject::at(std::string_view key) const {
  if (const Json* value = find(key)) return *value;
  wrong(key, "is missing");
}

std::string JsonObject::string(std::string_view key) const {
  const Json& value = at(key);
  if (!value.is_string()) wrong(key, "is no text");
  return value.get<std::string>();
}

std::string JsonObject::string_or(std::string_view key, std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}

bool JsonObject::boolean_or(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!at(key).is_boolean()) wrong(key, "is neither true nor false");
  return at(key).get<bool>();
}

int64_t JsonObject::integer(std::string_view key, int64_t low, int64_t high) const {
  const Json& value = at(key);
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX);
  if (!fits || value.get<int64_t>() < low || value.get<int64_t>() > high) {
    wrong(key, fmt::format("is no integer from {} to {}", low, high));
  }
  return value.get<int64_t>();
}

int64_t JsonObject::integer_or(std::string_view key, int64_t fallback, int64_t low,
                               int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

double JsonObject::number(std::string_view key) const {
  if (!at(key).is_number()) wrong(key, "is no number");
  return at(key).get<double>();
}

const Json::array_t& JsonObject::list(std::string_view key) const {
  static const Json::array_t empty;
  const Json* value = find(key);
  if (!value) return empty;
  if (!value->is_array()) wrong(key, "is no list");
  return value->get_ref<const Json::array_t&>();
}

JsonObject JsonObject::object(std::string_view key,
                              const std::vector<std::string_view>& keys) const {
  return JsonObject(at(key), fmt::format("{}: {}", where_, key), keys);
}

}  // namespace smelt
