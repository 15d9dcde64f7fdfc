#include <algorithm>
#include <array>
#include <charconv>

#include "smelt/base/error.h"
#include "smelt/train/augment.h"

namespace smelt::train {
namespace {

constexpr std::array<std::string_view, 4> kFlips = {"none", "horizontal", "vertical", "both"};
constexpr std::array<std::string_view, 3> kFillModes = {"reflect", "constant", "nearest"};

template <class Enum, size_t kCount>
Enum parse_name(const std::array<std::string_view, kCount>& names, std::string_view what,
                std::string_view text) {
  const auto* found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    fail(ErrorKind::bad_argument, "augment: there is no {} {}; there are {}", what, text,
         fmt::join(names, ", "));
  }
  return static_cast<Enum>(found - names.begin());
}

struct Setting {
  std::string_view name;
  double usual;  ///< where the name stands alone; negative: it needs a value
  void (*set)(AugmentSettings& settings, double value);
};

constexpr Setting kSettings[] = {
    {"rotation", 10, [](AugmentSettings& s, double v) { s.rotation = v; }},
    {"zoom", 0.1, [](AugmentSettings& s, double v) { s.zoom = v; }},
    {"translation", 0.1, [](AugmentSettings& s, double v) { s.translation = v; }},
    {"crop", 4, [](AugmentSettings& s, double v) { s.crop = static_cast<int>(v); }},
    {"brightness", 0.1, [](AugmentSettings& s, double v) { s.brightness = v; }},
    {"contrast", 0.1, [](AugmentSettings& s, double v) { s.contrast = v; }},
    {"cutout", 8, [](AugmentSettings& s, double v) { s.cutout = static_cast<int>(v); }},
    {"fill-value", -1, [](AugmentSettings& s, double v) { s.fill_value = v; }},
};

std::string known_names() {
  std::string text = "flip, fill";
  for (const Setting& setting : kSettings) text += fmt::format(", {}", setting.name);
  return text;
}

double parse_number(std::string_view name, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value > -1e6 && value < 1e6)) {
    fail(ErrorKind::bad_argument, "augment: {}={} is no number", name, text);
  }
  return value;
}

void apply(AugmentSettings& settings, std::string_view item) {
  const size_t equals = item.find('=');
  const std::string_view name = item.substr(0, equals);
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? item.substr(equals + 1) : std::string_view();
  if (name == "flip") {
    settings.flip = has_value ? parse_flip(value) : Flip::horizontal;
    return;
  }
  if (name == "fill") {
    settings.fill = parse_fill_mode(value);
    return;
  }
  const auto* setting = std::ranges::find(kSettings, name, &Setting::name);
  if (setting == std::end(kSettings)) {
    fail(ErrorKind::bad_argument, "augment: there is no {}; there are {}", name, known_names());
  }
  if (!has_value && setting->usual < 0) {
    fail(ErrorKind::bad_argument, "augment: {} needs a value, such as {}=0.5", name, name);
  }
  setting->set(settings, has_value ? parse_number(name, value) : setting->usual);
}

}  // namespace

std::string_view name(Flip flip) { return kFlips[static_cast<size_t>(flip)]; }
std::string_view name(FillMode mode) { return kFillModes[static_cast<size_t>(mode)]; }
Flip parse_flip(std::string_view text) { return parse_name<Flip>(kFlips, "flip", text); }
FillMode parse_fill_mode(std::string_view text) {
  return parse_name<FillMode>(kFillModes, "fill", text);
}

AugmentSettings parse_augment(std::string_view text) {
  AugmentSettings settings;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    apply(settings, text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  settings.check();
  return settings;
}

}  // namespace smelt::train
