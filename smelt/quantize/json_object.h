#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace smelt {

using Json = nlohmann::json;

/// Parses a file that users write; bad_file, with the position, where it is malformed or nested
/// over 64 levels deep.
Json parse_json(std::string_view text);

/// Checked reading of an object of a file that users write. Whatever is wrong is bad_file, and the
/// message names `where` and the key. null counts as absent.
class JsonObject {
 public:
  /// Other keys than those listed are errors; no list: any key.
  JsonObject(const Json& value, std::string where, const std::vector<std::string_view>& keys = {});

  const std::string& where() const { return where_; }
  /// Null pointer where absent.
  const Json* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const Json& at(std::string_view key) const;

  std::string string(std::string_view key) const;
  std::string string_or(std::string_view key, std::string_view fallback) const;
  bool boolean_or(std::string_view key, bool fallback) const;
  int64_t integer(std::string_view key, int64_t low, int64_t high) const;
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t low, int64_t high) const;
  double number(std::string_view key) const;
  /// Elements of a list; an empty one where absent.
  const Json::array_t& list(std::string_view key) const;
  bool empty() const { return value_->empty(); }
  JsonObject object(std::string_view key, const std::vector<std::string_view>& keys = {}) const;

  [[noreturn]] void wrong(std::string_view key, std::string_view problem) const;

 private:
  const Json* value_;
  std::string where_;
};

}  // namespace smelt
