#include "smelt/quantize/forms.h"

#include <algorithm>
#include <set>
#include <vector>

#include "smelt/ir/dump.h"
#include "smelt/ops/op_def.h"
#include "smelt/ops/precision.h"
#include "smelt/quantize/recurrent_plan.h"

namespace smelt {
namespace {

bool is_float(const Graph& graph, TensorId id) {
  return id && graph.tensor(id).type == DataType::float32;
}

bool touches_floats(const Graph& graph, const Op& op) {
  const auto float_at = [&](TensorId id) { return is_float(graph, id); };
  return std::any_of(op.inputs.begin(), op.inputs.end(), float_at) ||
         std::any_of(op.outputs.begin(), op.outputs.end(), float_at);
}

/// What is in the way of integers, in words; empty where nothing is.
std::string obstacle(const Graph& graph, const Op& op, Precision precision) {
  const QuantizationRule& rule = op_def(op.type).quantization;
  if (!rule.supported) return std::string(rule.reason);
  if (precision == Precision::int16x8 && !int16_gap(op.type).empty()) {
    return std::string(int16_gap(op.type));
  }
  if (is_integer_recurrent(op.type)) return recurrent_obstacle(graph, op, precision);
  const bool per_channel = rule.weight >= 0 && op.type != OpType::fully_connected;
  const auto kernels = name(precision);
  if (per_channel && !graph.constant_input(op, static_cast<size_t>(rule.weight))) {
    return fmt::format("its weights are computed, and {} kernels want them constant", kernels);
  }
  if (rule.bias >= 0 && op.input(static_cast<size_t>(rule.bias)) &&
      !graph.constant_input(op, static_cast<size_t>(rule.bias))) {
    return fmt::format("its bias is computed, and {} kernels want it constant", kernels);
  }
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const Tensor* constant = graph.constant_input(op, i);
    if (constant && constant->sparsity) return "its weights are stored sparsely";
    const bool weights = static_cast<int>(i) == rule.weight || static_cast<int>(i) == rule.bias;
    if (constant && weights && constant->type != DataType::float32) {
      return fmt::format("its weights are {}", name(constant->type));
    }
  }
  return "";
}

/// Ops that cannot have the form that is asked, for one message about all of them.
class Obstacles {
 public:
  void add(const Graph& graph, OpId id, Precision wanted, std::string_view reason) {
    wanted_ = wanted;
    if (++count_ > kShown) return;
    text_ += fmt::format("{}{}: {}", text_.empty() ? "" : "; ", describe(graph, id), reason);
  }

  void require_none() const {
    if (count_ == 0) return;
    const std::string more =
        count_ > kShown ? fmt::format("; and {} more", count_ - kShown) : std::string();
    fail(ErrorKind::unsupported,
         "cannot become {}: {}{}. Keep the layer{} in float (scheme {}-float-fallback, or a rule "
         "of a recipe), or replace {} by one that has an integer form",
         name(wanted_), text_, more, count_ > 1 ? "s" : "", name(wanted_),
         count_ > 1 ? "each" : "it");
  }

 private:
  static constexpr int kShown = 5;
  Precision wanted_ = Precision::int8;
  int count_ = 0;
  std::string text_;
};

OpChoice in_float(const OpConfig& config, std::string reason) {
  return {Precision::float32, config, std::move(reason)};
}

bool has_large_constant(const Graph& graph, const Op& op) {
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const Tensor* constant = graph.constant_input(op, i);
    if (constant && constant->type == DataType::float32 && !constant->sparsity &&
        constant->shape.elements() >= kLeastFloat16Elements) {
      return true;
    }
  }
  return false;
}

OpChoice with_integer_weights(const Graph& graph, const Op& op, OpConfig config) {
  const Tensor* weights = float_weights(graph, op);
  if (!weights) return in_float(config, "it has no weights");
  if (weights->sparsity) return in_float(config, "its weights are stored sparsely");
  for (const size_t index : recurrent_weights(op)) {
    const Tensor* other = graph.constant_input(op, index);
    if (!other || other->type != DataType::float32 || other->sparsity) {
      return in_float(config, "not all of its weights are constant float32 values");
    }
  }
  if (weights->shape.elements() < config.min_weight_elements) {
    return in_float(config, fmt::format("it has less than {} weights", config.min_weight_elements));
  }
  if (config.precision == Precision::weight_only) {
    return {Precision::weight_only, config, "its weights are stored as integers"};
  }
  if (!has_hybrid_kernel(op.type, config.weight_bits)) config.weight_bits = 8;
  if (!has_hybrid_kernel(op.type, 8)) return in_float(config, "LiteRT has no hybrid kernel for it");
  return {Precision::dynamic, config, "it has a hybrid kernel"};
}

/// The form of one op; `obstacles` gets what stands against it where there is no fallback.
OpChoice choose(const Graph& graph, OpId id, const Recipe& recipe, Obstacles& obstacles) {
  const Op& op = graph.op(id);
  if (!touches_floats(graph, op)) {
    return {std::nullopt, {}, "it has no float operands or results"};
  }
  const OpConfig config = config_of(recipe, graph, id);
  switch (config.precision) {
    case Precision::float32:
      return in_float(config, "the recipe keeps it in float");
    case Precision::float16:
      if (!has_large_constant(graph, op)) return in_float(config, "it has no weights");
      return {Precision::float16, config, "its weights are stored as float16"};
    case Precision::weight_only:
    case Precision::dynamic:
      return with_integer_weights(graph, op, config);
    case Precision::int8:
    case Precision::int16x8:
      break;
  }
  std::string reason = obstacle(graph, op, config.precision);
  if (reason.empty()) {
    return {config.precision, config, fmt::format("it has an {} kernel", name(config.precision))};
  }
  if (!recipe.fallback) obstacles.add(graph, id, config.precision, reason);
  return in_float(config, std::move(reason));
}

/// Moves ops between integers and float so that fewer values are converted.
class BridgeSaver {
 public:
  BridgeSaver(const Graph& graph, const Recipe& recipe, OpChoices& choices)
      : graph_(graph), outer_float_(recipe.io == IoType::float32), choices_(choices) {
    for (const OpId id : graph.ops()) {
      const bool free = activation_type(choices, id) != DataType::float32 &&
                        op_def(graph.op(id).type).quantization.weight < 0 &&
                        !has_precision_rule(recipe, graph, id);
      if (free) free_.insert(id);
    }
  }

  void run() {
    std::set<OpId> seen;
    for (const OpId id : graph_.ops()) {
      if (!free_.contains(id) || seen.contains(id)) continue;
      const std::vector<OpId> island = island_of(id, seen);
      const int64_t before = converted_values();
      std::vector<OpChoice> kept;
      for (const OpId op : island) {
        kept.push_back(choices_.at(op));
        choices_.at(op) = in_float(kept.back().config, "converting around it costs more");
      }
      if (converted_values() < before) continue;
      for (size_t i = 0; i < island.size(); ++i) choices_.at(island[i]) = kept[i];
    }
  }

 private:
  std::vector<OpId> island_of(OpId first, std::set<OpId>& seen) const {
    const DataType type = activation_type(choices_, first);
    std::vector<OpId> island;
    std::vector<OpId> open{first};
    while (!open.empty()) {
      const OpId id = open.back();
      open.pop_back();
      if (!free_.contains(id) || activation_type(choices_, id) != type || !seen.insert(id).second) {
        continue;
      }
      island.push_back(id);
      for (const TensorId tensor : graph_.op(id).inputs) {
        if (tensor && is_float(graph_, tensor)) open.push_back(graph_.producer(tensor));
      }
      for (const TensorId tensor : graph_.op(id).outputs) {
        if (!is_float(graph_, tensor)) continue;
        const std::vector<OpId>& readers = graph_.consumers(tensor);
        open.insert(open.end(), readers.begin(), readers.end());
      }
    }
    return island;
  }

  /// Values that QUANTIZE and DEQUANTIZE ops would touch in one invocation. A conversion serves all
  /// readers that want the same type.
  int64_t converted_values() const {
    int64_t sum = 0;
    for (const TensorId id : graph_.tensors()) {
      const Tensor& tensor = graph_.tensor(id);
      if (tensor.is_constant || tensor.type != DataType::float32) continue;
      std::set<DataType> types;
      for (const OpId reader : graph_.consumers(id))
        types.insert(activation_type(choices_, reader));
      const OpId producer = graph_.producer(id);
      if (producer) {
        types.insert(activation_type(choices_, producer));
      } else if (outer_float_) {
        types.insert(DataType::float32);
      }
      if (graph_.is_output(id) && outer_float_) types.insert(DataType::float32);
      if (types.size() > 1) {
        sum += tensor.shape.elements() * static_cast<int64_t>(types.size() - 1);
      }
    }
    return sum;
  }

  const Graph& graph_;
  bool outer_float_;     ///< inputs and outputs of the model stay float32
  std::set<OpId> free_;  ///< integer ops that nothing but their neighbours ties to their form
  OpChoices& choices_;
};

}  // namespace

DataType activation_type(Precision precision) {
  if (precision == Precision::int8) return DataType::int8;
  return precision == Precision::int16x8 ? DataType::int16 : DataType::float32;
}

DataType activation_type(const OpChoices& choices, OpId op) {
  const std::optional<Precision>& precision = choices.at(op).precision;
  return precision ? activation_type(*precision) : DataType::float32;
}

const Tensor* float_weights(const Graph& graph, const Op& op) {
  const int index = weight_operand(graph, op).index;
  const Tensor* weights =
      index >= 0 ? graph.constant_input(op, static_cast<size_t>(index)) : nullptr;
  return weights && weights->type == DataType::float32 ? weights : nullptr;
}

OpChoices choose_forms(const Graph& graph, const Recipe& recipe) {
  OpChoices choices;
  Obstacles obstacles;
  for (const OpId id : graph.ops()) choices[id] = choose(graph, id, recipe, obstacles);
  obstacles.require_none();
  if (recipe.fallback || !recipe.rules.empty()) BridgeSaver(graph, recipe, choices).run();
  return choices;
}

}  // namespace smelt
