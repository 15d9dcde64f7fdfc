#include "smelt/quantize/recipe_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <regex>

#include "smelt/base/error.h"
#include "smelt/quantize/json_object.h"

namespace smelt {
namespace {

/// visit(key, field) for the fields that OpConfig and OpRule have in common.
template <class Config, class Visit>
void for_each_field(Config&& config, Visit&& visit) {
  visit("precision", config.precision);
  visit("weight_bits", config.weight_bits);
  visit("granularity", config.granularity);
  visit("block_size", config.block_size);
  visit("ranges", config.ranges);
  visit("percentile", config.percentile);
  visit("weight_range", config.weight_range);
  visit("min_weight_elements", config.min_weight_elements);
}

std::vector<std::string_view> with_fields(std::vector<std::string_view> keys) {
  for_each_field(OpConfig(), [&](std::string_view key, const auto&) { keys.push_back(key); });
  return keys;
}

/// Reads one value; what it may be follows from its type and key.
class FieldReader {
 public:
  explicit FieldReader(const JsonObject& object) : object_(object) {}

  template <class T>
  void operator()(std::string_view key, T& field) const {
    if (object_.has(key)) read(key, field);
  }
  template <class T>
  void operator()(std::string_view key, std::optional<T>& field) const {
    if (object_.has(key)) read(key, field.emplace());
  }

 private:
  void read(std::string_view key, Precision& v) const { v = parse_precision(text(key)); }
  void read(std::string_view key, Granularity& v) const { v = parse_granularity(text(key)); }
  void read(std::string_view key, RangeMethod& v) const { v = parse_range_method(text(key)); }
  void read(std::string_view key, WeightRange& v) const { v = parse_weight_range(text(key)); }
  void read(std::string_view key, int64_t& v) const {
    v = object_.integer(key, 0, std::numeric_limits<int64_t>::max());
  }
  void read(std::string_view key, int& v) const {
    constexpr std::array kBits{4, 8};
    constexpr std::array kBlocks{0, 32, 64, 128, 256};
    v = static_cast<int>(object_.integer(key, 0, 256));
    const bool bits = key == "weight_bits";
    if (bits && std::find(kBits.begin(), kBits.end(), v) == kBits.end()) {
      object_.wrong(key, "is neither 8 nor 4");
    }
    if (!bits && std::find(kBlocks.begin(), kBlocks.end(), v) == kBlocks.end()) {
      object_.wrong(key, "is none of 32, 64, 128, 256");
    }
  }
  void read(std::string_view key, double& v) const {
    v = object_.number(key);
    if (!(v > 50 && v <= 100)) object_.wrong(key, "is not over 50 and up to 100");
  }
  std::string text(std::string_view key) const { return object_.string(key); }

  const JsonObject& object_;
};

class FieldWriter {
 public:
  explicit FieldWriter(Json& json) : json_(json) {}

  template <class T>
  void operator()(const char* key, const T& field) const {
    if constexpr (std::is_enum_v<T>) {
      json_[key] = std::string(name(field));
    } else {
      json_[key] = field;
    }
  }
  template <class T>
  void operator()(const char* key, const std::optional<T>& field) const {
    if (field) (*this)(key, *field);
  }

 private:
  Json& json_;
};

void require_regular_expression(const JsonObject& object, const std::string& pattern) {
  constexpr size_t kLongest = 1000;
  if (pattern.size() > kLongest) object.wrong("layer", "is longer than 1000 characters");
  try {
    const std::regex compiled(pattern);
  } catch (const std::regex_error& error) {
    object.wrong("layer", fmt::format("is no regular expression ({})", error.what()));
  }
}

OpRule read_rule(const Json& json, size_t position) {
  const JsonObject object(json, fmt::format("rule {}", position), with_fields({"layer", "op"}));
  OpRule rule{.pattern = object.string_or("layer", "")};
  require_regular_expression(object, rule.pattern);
  if (object.has("op")) {
    rule.op = op_type_from_name(object.string("op"));
    if (!rule.op) {
      object.wrong("op", fmt::format("'{}' is no op of TFLite, such as CONV_2D or FULLY_CONNECTED",
                                     object.string("op")));
    }
  }
  with_context([&] { return object.where(); }, [&] { for_each_field(rule, FieldReader(object)); });
  return rule;
}

}  // namespace

Recipe recipe_from_json(const Json& json) {
  const JsonObject object(json, "the recipe", {"scheme", "io", "fallback", "base", "rule"});
  Recipe recipe = scheme(object.string_or("scheme", "int8"));
  if (object.has("io")) recipe.io = parse_io_type(object.string("io"));
  recipe.fallback = object.boolean_or("fallback", recipe.fallback);
  if (object.has("base")) {
    const JsonObject base = object.object("base", with_fields({}));
    with_context([&] { return base.where(); },
                 [&] { for_each_field(recipe.base, FieldReader(base)); });
  }
  const Json::array_t& rules = object.list("rule");
  for (size_t i = 0; i < rules.size(); ++i) recipe.rules.push_back(read_rule(rules[i], i + 1));
  return recipe;
}

Json to_json(const Recipe& recipe) {
  Json json = {{"scheme", recipe.name},
               {"io", std::string(name(recipe.io))},
               {"fallback", recipe.fallback},
               {"base", Json::object()},
               {"rule", Json::array()}};
  for_each_field(recipe.base, FieldWriter(json["base"]));
  for (const OpRule& rule : recipe.rules) {
    Json entry = Json::object();
    if (!rule.pattern.empty()) entry["layer"] = rule.pattern;
    if (rule.op) entry["op"] = std::string(name(*rule.op));
    for_each_field(rule, FieldWriter(entry));
    json["rule"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace smelt
