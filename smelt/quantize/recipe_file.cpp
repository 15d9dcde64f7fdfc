#include "smelt/quantize/recipe_file.h"

#include <algorithm>

#include "smelt/base/file.h"
#include "smelt/quantize/json_object.h"
#include "smelt/quantize/litert_recipe.h"
#include "smelt/quantize/mltk_settings.h"
#include "smelt/quantize/recipe_json.h"
#include "smelt/quantize/toml_reader.h"

namespace smelt {
namespace {

constexpr size_t kMostBytes = 1 << 20;

/// JSON begins with a brace or, before a list of tables, a bracket followed by a brace; TOML's
/// brackets are followed by names or brackets.
bool is_json(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(first);
  if (!text.starts_with('[')) return text.starts_with('{');
  const size_t second = text.find_first_not_of(kSpace, 1);
  return second != std::string_view::npos && (text[second] == '{' || text[second] == ']');
}

bool names_a_file(const std::string& text) {
  std::error_code error;
  return std::filesystem::exists(text, error) || text.find('/') != std::string::npos ||
         std::filesystem::path(text).has_extension();
}

}  // namespace

LoadedRecipe parse_recipe(std::string_view text) {
  if (text.size() > kMostBytes) fail(ErrorKind::bad_file, "longer than {} bytes", kMostBytes);
  const Json json = is_json(text) ? parse_json(text) : parse_toml(text);
  if (json.is_array()) return {litert_recipe(json)};
  if (is_mltk_settings(json)) return mltk_recipe(json);
  return {recipe_from_json(json)};
}

LoadedRecipe load_recipe(const std::string& path_or_name) {
  if (!names_a_file(path_or_name)) return {litert_recipe_by_name(path_or_name)};
  return with_context([&] { return "while reading recipe " + path_or_name; },
                      [&] { return parse_recipe(read_text_file(path_or_name)); });
}

}  // namespace smelt
