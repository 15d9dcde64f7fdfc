#include "smelt/base/error.h"
#include "smelt/quantize/json_object.h"
#include "smelt/quantize/litert_recipe.h"

namespace smelt {
namespace {

constexpr std::string_view kAlgorithm = "min_max_uniform_quantize";

std::string named_entries(std::string_view precision, int weight_bits, std::string_view granularity,
                          int min_elements) {
  const std::string weights =
      fmt::format(R"("weight_tensor_config": {{"num_bits": {}, "granularity": "{}"}})", weight_bits,
                  granularity);
  const std::string rest = precision == "weight_only"
                               ? R"("compute_precision": "FLOAT", "explicit_dequantize": true)"
                               : R"("compute_precision": "INTEGER", "explicit_dequantize": false)";
  const std::string activations =
      precision == "static8"
          ? R"("activation_tensor_config": {"num_bits": 8, "symmetric": false}, )"
      : precision == "static16"
          ? R"("activation_tensor_config": {"num_bits": 16, "symmetric": true}, )"
          : "";
  return fmt::format(
      R"([{{"regex": ".*", "operation": "*", "algorithm_key": "{}",
           "op_config": {{{}{}, {}, "min_weight_elements": {}}}}}])",
      kAlgorithm, activations, weights, rest, min_elements);
}

struct NamedRecipe {
  std::string_view name;
  std::string_view precision;
  int weight_bits;
  std::string_view granularity = "CHANNELWISE";
  int min_elements = 0;
};

constexpr NamedRecipe kNamed[] = {
    {"static_wi8_ai8", "static8", 8},
    {"static_wi8_ai16", "static16", 8},
    {"dynamic_wi8_afp32", "dynamic", 8},
    {"dynamic_wi4_afp32", "dynamic", 4},
    {"dynamic_wi8c_afp32", "dynamic", 8},
    {"dynamic_wi4c_afp32", "dynamic", 4},
    {"dynamic_wi4b32_afp32", "dynamic", 4, "BLOCKWISE_32"},
    {"dynamic_wi4b64_afp32", "dynamic", 4, "BLOCKWISE_64"},
    {"dynamic_legacy_wi8_afp32", "dynamic", 8, "CHANNELWISE", 1024},
    {"weight_only_wi8_afp32", "weight_only", 8},
    {"weight_only_wi4_afp32", "weight_only", 4},
};

/// Names that the LiteRT quantizer has besides, and why they are refused.
constexpr std::pair<std::string_view, std::string_view> kRefused[] = {
    {"_hr", "Hadamard rotation is not supported"},
    {"_wi2", "weights of 2 bits are not supported"},
    {"dynamic_wi8b", "no op takes blocks of 8-bit weights"},
    {"gemma4_", "recipes of several models in one file are not supported"},
};

}  // namespace

const std::vector<std::string>& litert_recipe_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const NamedRecipe& recipe : kNamed) all.emplace_back(recipe.name);
    return all;
  }();
  return names;
}

Recipe litert_recipe_by_name(std::string_view name) {
  for (const NamedRecipe& row : kNamed) {
    if (row.name != name) continue;
    return litert_recipe(parse_json(
        named_entries(row.precision, row.weight_bits, row.granularity, row.min_elements)));
  }
  for (const auto& [part, reason] : kRefused) {
    if (name.find(part) == std::string_view::npos) continue;
    fail(ErrorKind::unsupported, "recipe {}: {}", name, reason);
  }
  fail(ErrorKind::bad_argument, "'{}' is neither a file nor a recipe's name; there are {}", name,
       fmt::join(litert_recipe_names(), ", "));
}

}  // namespace smelt
