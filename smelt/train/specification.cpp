#include "smelt/train/specification.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "smelt/base/error.h"
#include "smelt/base/file.h"
#include "smelt/base/near_name.h"
#include "smelt/quantize/json_object.h"
#include "smelt/quantize/toml_reader.h"
#include "smelt/train/specification_fields.h"

namespace smelt::train {
namespace {

// --- values of JSON -> fields

template <class T>
concept Integer = std::is_same_v<T, int> || std::is_same_v<T, int64_t>;

[[noreturn]] void wrong_type(std::string_view expected) {
  fail(ErrorKind::bad_file, "is no {}", expected);
}

template <Integer T>
void read(const Json& value, T& field) {
  if (!value.is_number_integer() || value.get<int64_t>() > std::numeric_limits<T>::max() ||
      value.get<int64_t>() < std::numeric_limits<T>::min()) {
    wrong_type("whole number");
  }
  field = static_cast<T>(value.get<int64_t>());
}
void read(const Json& value, double& field) {
  if (!value.is_number()) wrong_type("number");
  field = value.get<double>();
}
void read(const Json& value, bool& field) {
  if (!value.is_boolean()) wrong_type("true or false");
  field = value.get<bool>();
}
void read(const Json& value, std::string& field) {
  if (!value.is_string()) wrong_type("text");
  field = value.get<std::string>();
}
void read(const Json& value, Flip& field) {
  if (!value.is_string()) wrong_type("text");
  field = parse_flip(value.get<std::string>());
}
void read(const Json& value, FillMode& field) {
  if (!value.is_string()) wrong_type("text");
  field = parse_fill_mode(value.get<std::string>());
}
template <class T>
void read(const Json& value, std::optional<T>& field) {
  read(value, field.emplace());
}
template <class T>
void read(const Json& value, std::vector<T>& field) {
  if (!value.is_array()) wrong_type("list");
  field.clear();
  for (const Json& element : value) read(element, field.emplace_back());
}

// --- text -> values of JSON

template <class T>
Json parse_number(std::string_view text, std::string_view expected) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) wrong_type(expected);
  return value;
}

/// What `text` stands for where a field of type T is wanted.
template <class T>
struct TextOf {
  static Json parse(std::string_view text) { return std::string(text); }
};
template <Integer T>
struct TextOf<T> {
  static Json parse(std::string_view text) { return parse_number<int64_t>(text, "whole number"); }
};
template <>
struct TextOf<double> {
  static Json parse(std::string_view text) { return parse_number<double>(text, "number"); }
};
template <>
struct TextOf<bool> {
  static Json parse(std::string_view text) {
    if (text != "true" && text != "false") wrong_type("true or false");
    return text == "true";
  }
};
template <class T>
struct TextOf<std::optional<T>> {
  static Json parse(std::string_view text) { return TextOf<T>::parse(text); }
};
template <class T>
struct TextOf<std::vector<T>> {
  static Json parse(std::string_view text) {
    Json list = Json::array();
    while (!text.empty()) {
      const size_t comma = text.find(',');
      list.push_back(TextOf<T>::parse(text.substr(0, comma)));
      text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    return list;
  }
};

// --- fields -> TOML

std::string toml_text(std::string_view text) { return Json(std::string(text)).dump(); }
std::string toml(bool field) { return field ? "true" : "false"; }
template <Integer T>
std::string toml(T field) {
  return fmt::format("{}", field);
}
std::string toml(double field) {
  const std::string text = fmt::format("{}", field);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}
std::string toml(const std::string& field) { return toml_text(field); }
std::string toml(Flip field) { return toml_text(name(field)); }
std::string toml(FillMode field) { return toml_text(name(field)); }
template <class T>
std::string toml(const std::vector<T>& field) {
  std::string text;
  for (const T& element : field) text += (text.empty() ? "" : ", ") + toml(element);
  return "[" + text + "]";
}

/// "; did you mean batch?"
std::string hint(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = near_name(word, known);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

std::vector<std::string> section_names(Specification& specification) {
  std::vector<std::string> names;
  visit_fields(specification, [&](std::string_view section, std::string_view, auto&) {
    if (names.empty() || names.back() != section) names.emplace_back(section);
  });
  return names;
}

/// Calls `use` with the field; false where there is none.
template <class Use>
bool with_field(Specification& specification, std::string_view section, std::string_view key,
                Use&& use) {
  bool found = false;
  visit_fields(specification,
               [&](std::string_view its_section, std::string_view its_key, auto& field) {
                 if (its_section != section || its_key != key) return;
                 found = true;
                 use(field);
               });
  return found;
}

std::vector<std::string> keys_of(Specification& specification, std::string_view section) {
  std::vector<std::string> keys;
  visit_fields(specification, [&](std::string_view its_section, std::string_view key, auto&) {
    if (its_section == section) keys.emplace_back(key);
  });
  return keys;
}

void read_section(const std::string& section, const Json& table, Specification& specification) {
  const std::vector<std::string> sections = section_names(specification);
  if (std::find(sections.begin(), sections.end(), section) == sections.end()) {
    fail(ErrorKind::bad_file, "there is no section [{}]{}", section, hint(section, sections));
  }
  if (!table.is_object()) fail(ErrorKind::bad_file, "{} is no section", section);
  for (const auto& [key, value] : table.items()) {
    const bool found = with_context([&, k = key] { return fmt::format("[{}] {}", section, k); },
                                    [&, k = key, &v = value] {
                                      return with_field(specification, section, k,
                                                        [&](auto& field) { read(v, field); });
                                    });
    if (!found) {
      fail(ErrorKind::bad_file, "[{}] has no key {}{}", section, key,
           hint(key, keys_of(specification, section)));
    }
  }
}

}  // namespace

void read_specification(std::string_view text, Specification& specification) {
  const Json json = parse_toml(text);
  for (const auto& [section, table] : json.items()) read_section(section, table, specification);
}

void load_specification(const std::filesystem::path& path, Specification& specification) {
  const std::string text = read_text_file(path);
  with_context([&] { return "while reading " + path.string(); },
               [&] { read_specification(text, specification); });
}

void set_option(Specification& specification, std::string_view key, std::string_view value) {
  const size_t dot = key.find('.');
  const std::string_view section = key.substr(0, dot);
  const std::string_view name =
      dot == std::string_view::npos ? std::string_view() : key.substr(dot + 1);
  bool found = false;
  try {
    found = with_field(specification, section, name,
                       [&]<class T>(T& field) { read(TextOf<T>::parse(value), field); });
  } catch (const Error& error) {
    fail(ErrorKind::bad_argument, "{}: {} {}", key, value, error.what());
  }
  if (found) return;
  std::vector<std::string> all;
  visit_fields(specification, [&](std::string_view its_section, std::string_view its_key, auto&) {
    all.push_back(fmt::format("{}.{}", its_section, its_key));
  });
  fail(ErrorKind::bad_argument, "there is no setting {}{}", key, hint(key, all));
}

std::string to_toml(const Specification& specification, std::string_view heading) {
  std::string text;
  for (size_t at = 0; at < heading.size();) {
    const size_t end = std::min(heading.find('\n', at), heading.size());
    text += fmt::format("# {}\n", heading.substr(at, end - at));
    at = end + 1;
  }
  std::string last;
  Specification copy = specification;
  visit_fields(copy, [&]<class T>(std::string_view section, std::string_view key, T& field) {
    if (section != last) text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    last = section;
    if constexpr (requires { field.has_value(); }) {
      if (field) text += fmt::format("{} = {}\n", key, toml(*field));
    } else {
      text += fmt::format("{} = {}\n", key, toml(field));
    }
  });
  return text;
}

}  // namespace smelt::train
