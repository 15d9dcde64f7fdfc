#include "smelt/formats/keras/config.h"

#include <cmath>

#include "smelt/base/error.h"

namespace smelt::keras {
namespace {

/// Python writes NaN and infinities as words that are no JSON; no layer here has a use for them.
size_t special_number(std::string_view rest) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
    if (rest.starts_with(word)) return word.size();
  }
  return 0;
}

/// The text with null in the place of such words. Also refuses deep nesting: the parser needs no
/// stack per level, but the code that walks its result does.
std::string cleaned(std::string_view text) {
  constexpr int kMaxDepth = 200;
  std::string result;
  result.reserve(text.size());
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      result += c;
      result += text[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (const size_t skip = in_string ? 0 : special_number(text.substr(i))) {
      result += "null";
      i += skip - 1;
      continue;
    }
    if (!in_string && (c == '[' || c == '{') && ++depth > kMaxDepth) {
      fail(ErrorKind::bad_file, "nested over {} levels deep", kMaxDepth);
    }
    if (!in_string && (c == ']' || c == '}')) --depth;
    result += c;
  }
  return result;
}

/// NumPy scalars are written as objects around the value.
const Json& unwrapped(const Json& value) {
  if (!value.is_object()) return value;
  if (const auto found = value.find("value"); found != value.end()) return *found;
  const auto config = value.find("config");
  if (config != value.end() && config->is_object() && config->contains("value")) {
    return config->at("value");
  }
  return value;
}

float as_number(const Json& value, std::string_view key) {
  const Json& number = unwrapped(value);
  if (!number.is_number()) fail(ErrorKind::bad_file, "\"{}\" is not a number", key);
  const auto result = static_cast<float>(number.get<double>());
  if (!std::isfinite(result)) fail(ErrorKind::bad_file, "\"{}\" is out of range", key);
  return result;
}

}  // namespace

Json parse_json(std::string_view text) {
  constexpr size_t kMaxBytes = 16u << 20;
  return with_context([] { return "model configuration"; },
                      [&] {
                        if (text.size() > kMaxBytes)
                          fail(ErrorKind::bad_file, "{} bytes are too many", text.size());
                        const std::string json = cleaned(text);
                        try {
                          return Json::parse(json);
                        } catch (const Json::exception& error) {
                          fail(ErrorKind::bad_file, "malformed JSON: {}", error.what());
                        }
                      });
}

const Json::array_t& as_array(const Json& value, std::string_view what) {
  if (!value.is_array()) fail(ErrorKind::bad_file, "{} is not a list", what);
  return value.get_ref<const Json::array_t&>();
}

const std::string& as_string(const Json& value, std::string_view what) {
  if (!value.is_string()) fail(ErrorKind::bad_file, "{} is not a string", what);
  return value.get_ref<const std::string&>();
}

int64_t as_integer(const Json& value, int64_t low, int64_t high, std::string_view what) {
  const Json& number = unwrapped(value);
  // Python code sometimes divides where it means integers: 2.0 is accepted.
  const bool whole = number.is_number_float() && std::abs(number.get<double>()) < 1e15 &&
                     std::floor(number.get<double>()) == number.get<double>();
  const bool fits = number.is_number_unsigned()
                        ? number.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX)
                        : number.is_number_integer();
  if (!fits && !whole) fail(ErrorKind::bad_file, "{} is not an integer", what);
  const int64_t result = whole ? static_cast<int64_t>(number.get<double>()) : number.get<int64_t>();
  if (result < low || result > high) {
    fail(ErrorKind::bad_file, "{} is {}, not in [{}, {}]", what, result, low, high);
  }
  return result;
}

const Json* Config::find(std::string_view key) const {
  if (!settings_->is_object()) return nullptr;
  const auto found = settings_->find(key);
  return found == settings_->end() || found->is_null() ? nullptr : &*found;
}

const Json& Config::at(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) fail(ErrorKind::bad_file, "\"{}\" is missing", key);
  return *value;
}

std::string Config::string(std::string_view key) const {
  return as_string(at(key), fmt::format("\"{}\"", key));
}

std::string Config::string(std::string_view key, std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}

bool Config::boolean(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  return as_integer(*value, 0, 1, fmt::format("\"{}\"", key)) != 0;
}

float Config::number(std::string_view key, float fallback) const {
  return number(key).value_or(fallback);
}

std::optional<float> Config::number(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  return as_number(*value, key);
}

int32_t Config::integer(std::string_view key, int64_t low, int64_t high) const {
  return static_cast<int32_t>(as_integer(at(key), low, high, fmt::format("\"{}\"", key)));
}

int32_t Config::integer_or(std::string_view key, int32_t fallback, int64_t low,
                           int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

std::vector<int32_t> Config::sizes(std::string_view key, size_t count, int64_t low) const {
  const Json& value = at(key);
  const std::string what = fmt::format("\"{}\"", key);
  const auto size = [&](const Json& v) {
    return static_cast<int32_t>(as_integer(v, low, kMaxSize, what));
  };
  if (!value.is_array()) return std::vector<int32_t>(count, size(value));
  const Json::array_t& sizes = as_array(value, what);
  if (sizes.size() == 1) return std::vector<int32_t>(count, size(sizes[0]));
  if (sizes.size() != count) fail(ErrorKind::bad_file, "{} has {} values", what, sizes.size());
  std::vector<int32_t> result;
  for (const Json& v : sizes) result.push_back(size(v));
  return result;
}

std::vector<int32_t> Config::sizes_or(std::string_view key, const std::vector<int32_t>& fallback,
                                      int64_t low) const {
  return has(key) ? sizes(key, fallback.size(), low) : fallback;
}

std::array<int32_t, 2> Config::pair(std::string_view key, int64_t low) const {
  const std::vector<int32_t> values = sizes(key, 2, low);
  return {values[0], values[1]};
}

std::array<int32_t, 2> Config::pair_or(std::string_view key, std::array<int32_t, 2> fallback,
                                       int64_t low) const {
  return has(key) ? pair(key, low) : fallback;
}

}  // namespace smelt::keras
