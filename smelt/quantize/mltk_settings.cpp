#include "smelt/quantize/mltk_settings.h"

#include <algorithm>
#include <set>

#include "smelt/base/error.h"
#include "smelt/quantize/json_object.h"

namespace smelt {
namespace {

/// All keys; the last six are settings of TFLite's converter that change nothing here.
const std::vector<std::string_view> kKeys = {"optimizations",
                                             "supported_ops",
                                             "supported_types",
                                             "inference_input_type",
                                             "inference_output_type",
                                             "representative_dataset",
                                             "representative_dataset_max_samples",
                                             "allow_custom_ops",
                                             "experimental_new_converter",
                                             "experimental_new_quantizer",
                                             "experimental_enable_resource_variables",
                                             "generate_unquantized",
                                             "generate_quantization_report"};

/// "DEFAULT" of "tf.lite.Optimize.DEFAULT".
std::string last_part(const std::string& text) { return text.substr(text.rfind('.') + 1); }

/// Texts of a list, or of one text; the names of what is there.
std::set<std::string> names(const JsonObject& json, std::string_view key,
                            std::set<std::string> fallback) {
  const Json* value = json.find(key);
  if (!value) return fallback;
  if (value->is_string()) return {last_part(value->get<std::string>())};
  std::set<std::string> result;
  for (const Json& item : json.list(key)) {
    if (!item.is_string()) json.wrong(key, "holds something that is no text");
    result.insert(last_part(item.get<std::string>()));
  }
  return result;
}

void require_known(const JsonObject& json, std::string_view key, const std::set<std::string>& found,
                   const std::set<std::string>& known) {
  for (const std::string& name : found) {
    if (known.contains(name)) continue;
    json.wrong(key, fmt::format("holds '{}'; there are {}", name, fmt::join(known, ", ")));
  }
}

bool has_dataset(const JsonObject& json) {
  const Json* value = json.find("representative_dataset");
  if (!value) return true;
  if (value->is_boolean()) return value->get<bool>();
  return last_part(json.string("representative_dataset")) != "none" &&
         json.string("representative_dataset") != "None";
}

IoType io_of(const JsonObject& json, std::string_view key) {
  return parse_io_type(last_part(json.string_or(key, "float32")));
}

std::string scheme_of(const JsonObject& json) {
  constexpr const char* kFloat = "TFLITE_BUILTINS";
  constexpr const char* kInt8 = "TFLITE_BUILTINS_INT8";
  constexpr const char* kInt16 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8";
  const auto optimizations = names(json, "optimizations", {"DEFAULT"});
  require_known(json, "optimizations", optimizations,
                {"DEFAULT", "OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY"});
  const auto types = names(json, "supported_types", {});
  require_known(json, "supported_types", types, {"float16", "int8", "float32"});
  const auto ops = names(json, "supported_ops", {kInt8});
  if (ops.contains("SELECT_TF_OPS")) {
    fail(ErrorKind::unsupported, "supported_ops: SELECT_TF_OPS are not supported");
  }
  require_known(json, "supported_ops", ops, {kFloat, kInt8, kInt16});
  if (optimizations.empty()) return "none";
  if (types.contains("float16")) return "float16";
  const bool fallback = ops.contains(kFloat);
  if (ops.contains(kInt16)) return fallback ? "int16x8-float-fallback" : "int16x8";
  if (ops.contains(kInt8)) return fallback ? "int8-float-fallback" : "int8";
  return has_dataset(json) ? "int8-float-fallback" : "dynamic";
}

}  // namespace

bool is_mltk_settings(const Json& json) {
  return json.is_object() && std::any_of(kKeys.begin(), kKeys.end(),
                                         [&](std::string_view key) { return json.contains(key); });
}

LoadedRecipe mltk_recipe(const Json& json) {
  const JsonObject object(json, "tflite_converter", kKeys);
  LoadedRecipe result{scheme(scheme_of(object))};
  result.recipe.io = io_of(object, "inference_input_type");
  if (io_of(object, "inference_output_type") != result.recipe.io) {
    fail(ErrorKind::unsupported, "inputs and outputs of different types are not supported");
  }
  if (object.has("representative_dataset_max_samples")) {
    result.samples = object.integer("representative_dataset_max_samples", 1, 1 << 30);
  }
  return result;
}

}  // namespace smelt
