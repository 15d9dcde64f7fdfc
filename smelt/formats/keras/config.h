#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace smelt::keras {

using Json = nlohmann::json;

/// Parses the configuration of a model. bad_file for malformed, huge or absurdly nested text.
Json parse_json(std::string_view text);

/// Elements of an array; bad_file naming `what` where the value is none.
const Json::array_t& as_array(const Json& value, std::string_view what);
/// The text of a string; bad_file naming `what` otherwise.
const std::string& as_string(const Json& value, std::string_view what);
/// An integer in [low, high]; bad_file naming `what` otherwise.
int64_t as_integer(const Json& value, int64_t low, int64_t high, std::string_view what);

inline constexpr int64_t kMaxSize = 1 << 30;  ///< of any axis, kernel or stride

/// Checked access to the settings of a layer. Every getter fails with bad_file, naming the key,
/// where the value is of another kind or out of range; null counts as absent.
class Config {
 public:
  explicit Config(const Json& settings) : settings_(&settings) {}

  /// Null pointer where absent.
  const Json* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const Json& at(std::string_view key) const;

  std::string string(std::string_view key) const;
  std::string string(std::string_view key, std::string_view fallback) const;
  bool boolean(std::string_view key, bool fallback) const;
  float number(std::string_view key, float fallback) const;
  std::optional<float> number(std::string_view key) const;
  int32_t integer(std::string_view key, int64_t low = 1, int64_t high = kMaxSize) const;
  int32_t integer_or(std::string_view key, int32_t fallback, int64_t low = 1,
                     int64_t high = kMaxSize) const;

  /// `count` numbers: a list of them, or one for all; each at least `low`.
  std::vector<int32_t> sizes(std::string_view key, size_t count, int64_t low = 1) const;
  std::vector<int32_t> sizes_or(std::string_view key, const std::vector<int32_t>& fallback,
                                int64_t low = 1) const;

  /// (height, width): a list of two or one number for both; each at least `low`.
  std::array<int32_t, 2> pair(std::string_view key, int64_t low = 1) const;
  std::array<int32_t, 2> pair_or(std::string_view key, std::array<int32_t, 2> fallback,
                                 int64_t low = 1) const;

 private:
  const Json* settings_;
};

}  // namespace smelt::keras
