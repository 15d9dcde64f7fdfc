#include "smelt/ir/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <type_traits>

namespace smelt {
namespace {

using MakeDefault = Attributes (*)();

constexpr std::array<MakeDefault, kOpTypeCount> kDefaults = {{
#define SMELT_OP(schema_name, enumerator, code, attributes) \
  +[]() -> Attributes { return attributes{}; },
#include "smelt/ir/op_list.def"
#undef SMELT_OP
}};

struct FieldPrinter {
  std::string text;

  template <class T>
  void operator()(std::string_view field, const T& value) {
    if (!text.empty()) text += ' ';
    text += fmt::format("{}={}", field, print(value));
  }

  template <class T>
  static std::string print(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return std::string(name(value));
    } else {
      return fmt::format("{}", value);
    }
  }
  static std::string print(const std::optional<std::vector<int32_t>>& value) {
    return value ? fmt::format("[{}]", fmt::join(*value, ", ")) : "absent";
  }
  static std::string print(const std::vector<uint8_t>& value) {
    return fmt::format("{} bytes", value.size());
  }
};

struct ActivationFinder {
  std::optional<Activation> found;
  void operator()(std::string_view, const Activation& value) { found = value; }
  template <class T>
  void operator()(std::string_view, const T&) {}
};

}  // namespace

std::string_view name(Padding padding) { return padding == Padding::same ? "same" : "valid"; }

std::string_view name(Activation activation) {
  constexpr std::array<std::string_view, 6> kNames = {"none",  "relu", "relu_n1_to_1",
                                                      "relu6", "tanh", "sign_bit"};
  return kNames[static_cast<size_t>(activation)];
}

std::string_view name(WeightsFormat format) {
  return format == WeightsFormat::plain ? "plain" : "shuffled4x16_int8";
}

std::string_view name(RecurrentCell cell) {
  constexpr std::array<std::string_view, 3> kNames = {"simple", "lstm", "gru"};
  return kNames[static_cast<size_t>(cell)];
}

std::string_view name(CellActivation activation) {
  constexpr std::array<std::string_view, 16> kNames = {
      "linear",      "tanh",       "sigmoid", "hard_sigmoid", "hard_sigmoid_6", "relu",
      "relu6",       "leaky_relu", "elu",     "selu",         "softplus",       "softsign",
      "exponential", "swish",      "gelu",    "hard_swish"};
  return kNames[static_cast<size_t>(activation)];
}

std::string_view name(OptionsFormat) { return "flexbuffers"; }

Attributes default_attributes(OpType type) { return kDefaults[static_cast<size_t>(type)](); }

bool attributes_fit(OpType type, const Attributes& attributes) {
  return std::holds_alternative<OpaqueAttributes>(attributes) ||
         attributes.index() == default_attributes(type).index();
}

std::string to_string(const Attributes& attributes) {
  FieldPrinter printer;
  visit_fields(attributes, printer);
  return printer.text;
}

std::optional<Activation> fused_activation(const Attributes& attributes) {
  ActivationFinder finder;
  visit_fields(attributes, finder);
  return finder.found;
}

}  // namespace smelt
