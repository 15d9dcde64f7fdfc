#include "smelt/quantize/debug/fix.h"

#include <algorithm>
#include <optional>

#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

/// A regular expression that finds this name and no other.
std::string exactly(std::string_view name) {
  std::string pattern = "^";
  for (const char c : name) {
    if (std::string_view("\\^$.|?*+()[]{}/").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

/// The rule that applies a cure; nothing where recovery has to.
std::optional<OpRule> rule_for(Cure cure, const Recipe& recipe) {
  OpRule rule;
  switch (cure) {
    case Cure::per_channel_weights:
      rule.granularity = Granularity::per_channel;
      return rule;
    case Cure::more_weight_bits:
      rule.weight_bits = 8;
      return rule;
    case Cure::wider_range:
      rule.ranges = RangeMethod::minmax;
      return rule;
    case Cure::narrower_range:
      if (recipe.base.ranges == RangeMethod::mse) {
        rule.ranges = RangeMethod::percentile;
        rule.percentile = 99.9;
      } else {
        rule.ranges = RangeMethod::mse;
      }
      return rule;
    case Cure::int16_activations:
      rule.precision = Precision::int16x8;
      return rule;
    case Cure::keep_float:
      rule.precision = Precision::float32;
      return rule;
    case Cure::equalize:
    case Cure::bias_correction:
      return std::nullopt;
  }
  return std::nullopt;
}

void apply_best(const Finding& finding, const LayerReport& layer, FixAbilities abilities,
                Fix& fix) {
  for (const Cure cure : finding.cures) {
    std::optional<OpRule> rule = rule_for(cure, fix.recipe);
    if (rule) {
      rule->pattern = exactly(layer.float_name);
      fix.recipe.rules.push_back(std::move(*rule));
    } else if (cure == Cure::equalize && abilities.equalize) {
      fix.equalize = true;
    } else if (cure == Cure::bias_correction && abilities.correct_biases) {
      fix.correct_biases = true;
    } else {
      continue;
    }
    fix.applied.push_back(fmt::format("{}: {}", layer.layer, name(cure)));
    return;
  }
}

/// What of a model's tensors tells how it was quantized.
struct Traces {
  bool int16 = false, int8 = false;            ///< activations
  bool hybrid = false;                         ///< integer weights read by ops on floats
  bool stored_integers = false, half = false;  ///< weights behind DEQUANTIZE, or read as floats
  bool int4 = false;
  bool per_channel_dense = false;
  bool floats = false;  ///< activations that only float ops have
};

Traces traces_of(const Graph& graph) {
  Traces traces;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    const bool bridge = is_bridge(op.type);
    bool float_op = false;
    for (const TensorId result : op.outputs) {
      if (!result) continue;
      const Tensor& tensor = graph.tensor(result);
      traces.int16 |= tensor.type == DataType::int16 && tensor.quantization.quantized();
      traces.int8 |= bit_width(tensor.type) == 8 && tensor.quantization.quantized();
      float_op |= tensor.type == DataType::float32;
    }
    if (!bridge) traces.floats |= float_op;
    for (const TensorId input : op.inputs) {
      if (!input || !graph.tensor(input).is_constant) continue;
      const Tensor& tensor = graph.tensor(input);
      traces.half |= tensor.type == DataType::float16;
      if (!tensor.quantization.quantized()) continue;
      traces.int4 |= tensor.type == DataType::int4;
      traces.stored_integers |= bridge;
      traces.hybrid |= float_op && !bridge;
      traces.per_channel_dense |= op.type == OpType::fully_connected && tensor.shape.rank() > 1 &&
                                  tensor.quantization.per_axis();
    }
  }
  return traces;
}

}  // namespace

Fix fix_findings(const Recipe& recipe, const DebugReport& report, FixAbilities abilities) {
  Fix fix{.recipe = recipe};
  for (const LayerReport& layer : report.layers) {
    for (const Finding& finding : layer.findings) apply_best(finding, layer, abilities, fix);
  }
  return fix;
}

Recipe recipe_of(const Model& quantized) {
  const Graph& graph = quantized.main();
  const Traces traces = traces_of(graph);
  const bool integer = traces.int8 || traces.int16;
  const char* name = traces.int16    ? "int16x8"
                     : traces.int8   ? (traces.int4 ? "int4" : "int8")
                     : traces.hybrid ? (traces.int4 ? "dynamic-int4" : "dynamic")
                     : traces.stored_integers
                         ? (traces.int4 ? "weight-only-int4" : "weight-only-int8")
                     : traces.half ? "float16"
                                   : "none";
  Recipe recipe = scheme(name);
  if (integer && traces.floats) recipe.fallback = true;
  if (traces.per_channel_dense) recipe.base.granularity = Granularity::per_channel;
  recipe.io = IoType::int8;
  for (const TensorId id : graph.inputs()) {
    if (graph.tensor(id).type == DataType::float32) recipe.io = IoType::float32;
    if (graph.tensor(id).type == DataType::uint8) recipe.io = IoType::uint8;
    if (graph.tensor(id).type == DataType::int16) recipe.io = IoType::int16;
  }
  return recipe;
}

}  // namespace smelt
