#include "smelt/quantize/toml_reader.h"

#include <sstream>
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "smelt/base/error.h"

namespace smelt {
namespace {

nlohmann::json to_json(const toml::node& node) {
  if (const toml::table* table = node.as_table()) {
    nlohmann::json json = nlohmann::json::object();
    for (const auto& [key, value] : *table) json[std::string(key.str())] = to_json(value);
    return json;
  }
  if (const toml::array* array = node.as_array()) {
    nlohmann::json json = nlohmann::json::array();
    for (const toml::node& value : *array) json.push_back(to_json(value));
    return json;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  std::ostringstream text;
  text << toml::default_formatter(node);
  return text.str();
}

}  // namespace

nlohmann::json parse_toml(std::string_view text) {
  try {
    return to_json(toml::parse(text));
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::bad_file, "line {}, column {}: {}", error.source().begin.line,
         error.source().begin.column, error.description());
  }
}

}  // namespace smelt
