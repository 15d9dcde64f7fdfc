#include "smelt/quantize/recipe.h"

#include <algorithm>
#include <array>
#include <regex>
#include <span>
#include <utility>

#include "smelt/base/error.h"

namespace smelt {
namespace {

template <class T>
struct Named {
  std::string_view name;
  T value;
};

constexpr Named<IoType> kIoTypes[] = {{"int8", IoType::int8},
                                      {"uint8", IoType::uint8},
                                      {"int16", IoType::int16},
                                      {"float32", IoType::float32}};
constexpr Named<Precision> kPrecisions[] = {{"float32", Precision::float32},
                                            {"float16", Precision::float16},
                                            {"weight-only", Precision::weight_only},
                                            {"dynamic", Precision::dynamic},
                                            {"int8", Precision::int8},
                                            {"int16x8", Precision::int16x8}};
constexpr Named<Granularity> kGranularities[] = {{"automatic", Granularity::automatic},
                                                 {"per-tensor", Granularity::per_tensor},
                                                 {"per-channel", Granularity::per_channel},
                                                 {"blockwise", Granularity::blockwise}};
constexpr Named<RangeMethod> kRangeMethods[] = {{"mse", RangeMethod::mse},
                                                {"minmax", RangeMethod::minmax},
                                                {"moving-average", RangeMethod::moving_average},
                                                {"percentile", RangeMethod::percentile},
                                                {"entropy", RangeMethod::entropy}};
constexpr Named<WeightRange> kWeightRanges[] = {
    {"minmax", WeightRange::minmax}, {"mse", WeightRange::mse}, {"octav", WeightRange::octav}};

template <class T, size_t N>
std::string_view name_in(const Named<T> (&names)[N], T value) {
  for (const Named<T>& row : names) {
    if (row.value == value) return row.name;
  }
  return "";
}

template <class T, size_t N>
T value_in(const Named<T> (&names)[N], std::string_view text, std::string_view what) {
  std::string all;
  for (const Named<T>& row : names) {
    if (row.name == text) return row.value;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", row.name);
  }
  fail(ErrorKind::bad_argument, "'{}' is no {}; there are {}", text, what, all);
}

/// Smaller weights gain little and keep their accuracy (TFLite's converter has the same limit).
constexpr int64_t kSmallWeights = 1024;

Recipe float_compute(Precision precision, int bits = 8) {
  return {.base = {.precision = precision,
                   .weight_bits = bits,
                   .weight_range = bits == 4 ? WeightRange::mse : WeightRange::minmax,
                   .min_weight_elements = kSmallWeights},
          .io = IoType::float32,
          .fallback = true};
}

Recipe integer_compute(Precision precision, IoType io) {
  return {.base = {.precision = precision}, .io = io};
}

/// As TFLite's converter does it, inputs and outputs stay float.
Recipe with_fallback(Precision precision) {
  Recipe recipe = integer_compute(precision, IoType::float32);
  recipe.fallback = true;
  return recipe;
}

Recipe int4_weights() {
  Recipe recipe = integer_compute(Precision::int8, IoType::int8);
  recipe.base.weight_bits = 4;
  recipe.base.weight_range = WeightRange::mse;
  recipe.base.min_weight_elements = kSmallWeights;
  return recipe;
}

struct Scheme {
  std::string_view name;
  Recipe (*make)();
};

const Scheme kSchemes[] = {
    {"none", [] { return float_compute(Precision::float32); }},
    {"float16", [] { return float_compute(Precision::float16); }},
    {"dynamic", [] { return float_compute(Precision::dynamic); }},
    {"dynamic-int4", [] { return float_compute(Precision::dynamic, 4); }},
    {"weight-only-int8", [] { return float_compute(Precision::weight_only); }},
    {"weight-only-int4", [] { return float_compute(Precision::weight_only, 4); }},
    {"int8", [] { return integer_compute(Precision::int8, IoType::int8); }},
    {"int8-float-fallback", [] { return with_fallback(Precision::int8); }},
    {"int16x8", [] { return integer_compute(Precision::int16x8, IoType::int16); }},
    {"int16x8-float-fallback", [] { return with_fallback(Precision::int16x8); }},
    {"int4", int4_weights},
};

/// Names of the project-folder workflow.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"None", "none"},
    {"integer_with_float_fallback", "int8-float-fallback"},
    {"integer_with_8bits_weights_and_16bit_activations", "int16x8"},
};

template <class T>
void set(T& field, const std::optional<T>& wanted) {
  if (wanted) field = *wanted;
}

void override_with(const OpRule& rule, OpConfig& config) {
  set(config.precision, rule.precision);
  set(config.weight_bits, rule.weight_bits);
  set(config.granularity, rule.granularity);
  set(config.block_size, rule.block_size);
  set(config.ranges, rule.ranges);
  set(config.percentile, rule.percentile);
  set(config.weight_range, rule.weight_range);
  set(config.min_weight_elements, rule.min_weight_elements);
}

bool has_name(const std::regex& pattern, const Graph& graph, const Op& op) {
  const auto found = [&](const std::string& name) { return std::regex_search(name, pattern); };
  return found(op.origin) || std::any_of(op.outputs.begin(), op.outputs.end(), [&](TensorId id) {
           return id && (found(graph.tensor(id).name) || found(graph.tensor(id).origin));
         });
}

bool matches(const OpRule& rule, const Graph& graph, const Op& op) {
  if (rule.op && *rule.op != op.type) return false;
  if (rule.pattern.empty()) return true;
  try {
    return has_name(std::regex(rule.pattern), graph, op);
  } catch (const std::regex_error& error) {
    fail(ErrorKind::bad_argument, "'{}' is no regular expression ({})", rule.pattern, error.what());
  }
}

bool is_integer(Precision precision) {
  return precision == Precision::int8 || precision == Precision::int16x8;
}

}  // namespace

std::string_view name(IoType type) { return name_in(kIoTypes, type); }
std::string_view name(Precision precision) { return name_in(kPrecisions, precision); }
std::string_view name(Granularity granularity) { return name_in(kGranularities, granularity); }
std::string_view name(RangeMethod method) { return name_in(kRangeMethods, method); }
std::string_view name(WeightRange range) { return name_in(kWeightRanges, range); }

IoType parse_io_type(std::string_view text) {
  return value_in(kIoTypes, text, "type of inputs and outputs");
}
Precision parse_precision(std::string_view text) {
  return value_in(kPrecisions, text, "precision");
}
Granularity parse_granularity(std::string_view text) {
  return value_in(kGranularities, text, "granularity of weights");
}
RangeMethod parse_range_method(std::string_view text) {
  return value_in(kRangeMethods, text, "way to choose ranges");
}
WeightRange parse_weight_range(std::string_view text) {
  return value_in(kWeightRanges, text, "way to choose the range of weights");
}

const std::vector<std::string>& scheme_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Scheme& row : kSchemes) all.emplace_back(row.name);
    for (const auto& [alias, scheme] : kAliases) all.emplace_back(alias);
    return all;
  }();
  return names;
}

Recipe scheme(std::string_view text) {
  std::string_view wanted = text;
  for (const auto& [alias, name] : kAliases) {
    if (text == alias) wanted = name;
  }
  for (const Scheme& row : kSchemes) {
    if (row.name != wanted) continue;
    Recipe recipe = row.make();
    recipe.name = row.name;
    return recipe;
  }
  std::string all;
  for (const std::string& known : scheme_names()) {
    all += fmt::format("{}{}", all.empty() ? "" : ", ", known);
  }
  fail(ErrorKind::bad_argument, "'{}' is no scheme; there are {}", text, all);
}

OpConfig config_of(const Recipe& recipe, const Graph& graph, OpId op) {
  OpConfig config = recipe.base;
  for (const OpRule& rule : recipe.rules) {
    if (matches(rule, graph, graph.op(op))) override_with(rule, config);
  }
  return config;
}

bool has_precision_rule(const Recipe& recipe, const Graph& graph, OpId op) {
  return std::any_of(recipe.rules.begin(), recipe.rules.end(), [&](const OpRule& rule) {
    return rule.precision && matches(rule, graph, graph.op(op));
  });
}

bool needs_calibration(const Recipe& recipe) {
  return is_integer(recipe.base.precision) ||
         std::any_of(recipe.rules.begin(), recipe.rules.end(), [](const OpRule& rule) {
           return rule.precision && is_integer(*rule.precision);
         });
}

}  // namespace smelt
