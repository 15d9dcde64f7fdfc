#include "smelt/quantize/plan.h"

#include <algorithm>
#include <set>

#include "smelt/ir/dump.h"
#include "smelt/ops/op_def.h"
#include "smelt/ops/precision.h"
#include "smelt/passes/pipeline.h"
#include "smelt/quantize/clip.h"
#include "smelt/quantize/forms.h"
#include "smelt/quantize/observe.h"
#include "smelt/quantize/recurrent_plan.h"
#include "smelt/quantize/scales.h"
#include "smelt/quantize/ties.h"
#include "smelt/quantize/weight_plan.h"

namespace smelt {
namespace {

std::span<const float> values_of(const Tensor& tensor) { return tensor.data.as<float>(); }

void require_float_model(const Model& model) {
  const Graph& graph = model.main();
  if (const std::string op = training_form_op(graph); !op.empty()) {
    fail(ErrorKind::bad_argument, "{} is in training form; run the inference pipeline first", op);
  }
  if (model.graphs.size() > 1) {
    fail(
        ErrorKind::unsupported,
        "the model has {} subgraphs (loops, conditions, states of layers that are not fused); only "
        "models of one can be quantized. Layers of a Keras model become one without --rnn while",
        model.graphs.size());
  }
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.quantization.quantized()) {
      fail(ErrorKind::bad_argument,
           "{} is quantized already ({}); quantize the float model that it was made from",
           describe(graph, id), name(tensor.type));
    }
    if (is_floating_point(tensor.type) && tensor.type != DataType::float32) {
      fail(ErrorKind::unsupported, "{} is {}; only float32 models can be quantized",
           describe(graph, id), name(tensor.type));
    }
  }
}

class Planner {
 public:
  Planner(const Model& model, const Stats& stats, const Recipe& recipe)
      : graph_(model.main()), stats_(stats) {
    plan_.recipe = recipe;
  }

  QuantPlan run() && {
    choices_ = choose_forms(graph_, plan_.recipe);
    for (const DataType type : {DataType::int8, DataType::int16}) choose_scales_of(type);
    for (const TensorId id : graph_.tensors()) plan_tensor(id);
    for (const OpId id : graph_.ops()) plan_op(id);
    for (const TensorId id : graph_.inputs()) plan_outside(id);
    for (const TensorId id : graph_.outputs()) plan_outside(id);
    return std::move(plan_);
  }

 private:
  using Scales = std::map<TensorId, Quantization>;

  void choose_scales_of(DataType type) {
    const ScaleDomain domain{type, [&](OpId id) { return activation_type(choices_, id) == type; }};
    scales_[type] = choose_scales(
        graph_, domain, [&](TensorId id) { return range_of(id); },
        [&](const std::vector<TensorId>& tensors, const Range& whole) {
          return clip(type, tensors, whole);
        });
  }

  Range range_of(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    if (tensor.is_constant) {
      TensorStats seen;
      if (!observe(values_of(tensor), seen)) {
        fail(ErrorKind::bad_file, "constant {} holds NaN or infinity", describe(graph_, id));
      }
      return {seen.min, seen.max};  // an empty constant: 0
    }
    const auto found = stats_.tensors.find(id);
    if (found == stats_.tensors.end() || found->second.count == 0) {
      const OpId producer = graph_.producer(id);
      fail(
          ErrorKind::bad_argument,
          "{} ({}) was never computed while calibrating, so that its range is not known; calibrate "
          "with samples that reach it",
          describe(graph_, id), producer ? describe(graph_, producer) : "an input of the model");
    }
    return {found->second.min, found->second.max};
  }

  /// How ranges of a tensor are chosen follows from the op that computes it.
  const OpConfig& config_of_producer(TensorId id) const {
    const OpId producer = graph_.producer(id);
    return producer ? choices_.at(producer).config : plan_.recipe.base;
  }

  Range clip(DataType type, const std::vector<TensorId>& tensors, const Range& whole) const {
    const OpConfig& config = config_of_producer(tensors.front());
    if (config.ranges == RangeMethod::minmax) return whole;
    // With 16 bits there are steps enough for the whole range: only what was asked for is cut off.
    const bool by_error =
        config.ranges == RangeMethod::mse || config.ranges == RangeMethod::entropy;
    if (type == DataType::int16 && by_error) return whole;
    std::vector<const TensorStats*> seen;
    for (const TensorId id : tensors) {
      if (graph_.is_input(id) || graph_.is_output(id)) return whole;
      seen.push_back(&stats_.tensors.at(id));
    }
    const Range with_zero{std::min(whole.min, 0.0f), std::max(whole.max, 0.0f)};
    return clipped_range(config, seen, with_zero,
                         type == DataType::int16 ? kInt16Levels : kInt8Levels);
  }

  /// A tensor is stored as its producer computes it, an input as all its readers want it, or in
  /// float where they differ.
  void plan_tensor(TensorId id) {
    const Tensor& tensor = graph_.tensor(id);
    if (tensor.is_constant || tensor.is_variable || tensor.type != DataType::float32) return;
    std::set<DataType> types;
    if (const OpId producer = graph_.producer(id)) {
      types.insert(activation_type(choices_, producer));
    } else {
      for (const OpId reader : graph_.consumers(id))
        types.insert(activation_type(choices_, reader));
    }
    if (types.size() != 1 || *types.begin() == DataType::float32) return;
    const DataType type = *types.begin();
    plan_.tensors[id] = {tensor.name, type, scales_.at(type).at(id)};
  }

  TensorPlan stored(TensorId id) const {
    const auto found = plan_.tensors.find(id);
    if (found != plan_.tensors.end()) return found->second;
    return {graph_.tensor(id).name, DataType::float32, {}};
  }

  void plan_op(OpId id) {
    const Op& op = graph_.op(id);
    const OpChoice& choice = choices_.at(id);
    OpPlan& plan = plan_.ops[id];
    plan.name = describe(graph_, id);
    plan.precision = choice.precision;
    plan.reason = choice.reason;
    if (!choice.precision) return;
    if (computes_integers(*choice.precision) && is_integer_recurrent(op.type)) {
      plan_recurrent(id, choice, plan);
    } else if (computes_integers(*choice.precision)) {
      plan_integer_constants(op, choice, plan);
    } else {
      plan_float_constants(op, choice, plan);
    }
    plan_conversions(op, activation_type(*choice.precision), plan);
    std::sort(plan.operands.begin(), plan.operands.end(),
              [](const OperandPlan& a, const OperandPlan& b) { return a.index < b.index; });
  }

  void plan_recurrent(OpId id, const OpChoice& choice, OpPlan& plan) {
    const Op& op = graph_.op(id);
    const Scales& scales = scales_.at(activation_type(*choice.precision));
    const RecurrentOp recurrent{
        .graph = graph_,
        .id = id,
        .config = choice.config,
        .range = [&](TensorId tensor) { return range_of(tensor); },
        .x = scales.at(op.input(0)),
        .y = scales.at(op.output()),
    };
    plan_integer_recurrent(recurrent, plan, plan_.tensors);
  }

  void plan_integer_constants(const Op& op, const OpChoice& choice, OpPlan& plan) {
    const QuantizationRule& rule = op_def(op.type).quantization;
    const DataType type = activation_type(*choice.precision);
    if (rule.weight >= 0) plan_weights(op, rule, choice, plan);
    for (const size_t index : float_operands(graph_, op).constant) {
      if (static_cast<int>(index) == rule.weight || static_cast<int>(index) == rule.bias) continue;
      const std::string& name = graph_.tensor(op.inputs[index]).name;
      plan.operands.push_back({index, {name, type, constant_scale(op, rule, type, index)}});
    }
  }

  Quantization constant_scale(const Op& op, const QuantizationRule& rule, DataType type,
                              size_t index) const {
    if (rule.output == OutputScale::same_as_input) {
      if (const Quantization* shared = scale_of_results(op, type)) return *shared;
    }
    const Range range = range_of(op.inputs[index]);
    return activation_scale(type, range.min, range.max);
  }

  const Quantization* scale_of_results(const Op& op, DataType type) const {
    const Scales& scales = scales_.at(type);
    for (const TensorId output : op.outputs) {
      if (const auto found = scales.find(output); found != scales.end()) return &found->second;
    }
    return nullptr;
  }

  /// Operands that are stored in another form than the one in which the op reads them: of another
  /// type, or of another scale than the one that its result shares with all others.
  void plan_conversions(const Op& op, DataType type, OpPlan& plan) {
    const bool shares = op_def(op.type).quantization.output == OutputScale::same_as_input;
    for (const size_t index : float_operands(graph_, op).computed) {
      const TensorId id = op.inputs[index];
      TensorPlan wanted{graph_.tensor(id).name, type, {}};
      if (type != DataType::float32) {
        const Quantization* shared = shares ? scale_of_results(op, type) : nullptr;
        wanted.quantization = shared ? *shared : scales_.at(type).at(id);
      }
      if (stored(id) == wanted) continue;
      std::vector<TensorPlan>& bridges = bridges_[id];
      if (std::find(bridges.begin(), bridges.end(), wanted) == bridges.end()) {
        bridges.push_back(wanted);
        plan.bridge_elements += graph_.tensor(id).shape.elements();
      }
      plan.operands.push_back({index, std::move(wanted)});
    }
  }

  void plan_weights(const Op& op, const QuantizationRule& rule, const OpChoice& choice,
                    OpPlan& plan) {
    const DataType type = activation_type(*choice.precision);
    const size_t w = static_cast<size_t>(rule.weight);
    const Tensor* weights = graph_.constant_input(op, w);
    const float input_scale = scales_.at(type).at(data_operand(op, rule)).scale[0];
    const Tensor* bias =
        rule.bias >= 0 ? graph_.constant_input(op, static_cast<size_t>(rule.bias)) : nullptr;
    Quantization weight_scales;
    if (weights) {
      TensorPlan stored_weights;
      try {
        stored_weights =
            integer_weights(op, *weights, rule.weight_axis, bias, input_scale, choice.config);
      } catch (const Error& error) {
        fail(error.kind(), "{}: {}", plan.name, error.what());
      }
      weight_scales = stored_weights.quantization;
      plan.operands.push_back({w, std::move(stored_weights)});
    } else {  // a dense layer whose weights are computed: activations like any other
      weight_scales = scales_.at(type).at(op.input(w));
    }
    if (!bias) return;
    plan.operands.push_back({static_cast<size_t>(rule.bias),
                             integer_bias(*bias, input_scale, weight_scales, *choice.precision)});
  }

  TensorId data_operand(const Op& op, const QuantizationRule& rule) const {
    for (const size_t index : float_operands(graph_, op).computed) {
      if (static_cast<int>(index) != rule.weight) return op.inputs[index];
    }
    fail(ErrorKind::unsupported, "{} reads nothing but constants", name(op.type));
  }

  void plan_float_constants(const Op& op, const OpChoice& choice, OpPlan& plan) const {
    if (choice.precision == Precision::float16) {
      plan_float16(op, plan);
    } else if (choice.precision != Precision::float32) {
      const WeightOperand weights = weight_operand(graph_, op);
      std::vector<size_t> indices = recurrent_weights(op);
      if (indices.empty()) indices.push_back(static_cast<size_t>(weights.index));
      for (const size_t index : indices) {
        const Tensor& tensor = graph_.tensor(op.input(index));
        plan.operands.push_back({.index = index,
                                 .as = hybrid_weights(op, tensor, weights.axis, choice.config),
                                 .dequantized = choice.precision == Precision::weight_only});
      }
    }
  }

  void plan_float16(const Op& op, OpPlan& plan) const {
    for (const size_t index : float_operands(graph_, op).constant) {
      const Tensor& constant = graph_.tensor(op.inputs[index]);
      if (constant.sparsity || constant.shape.elements() < kLeastFloat16Elements) continue;
      if (std::optional<TensorPlan> as = float16_constant(constant)) {
        plan.operands.push_back({.index = index, .as = std::move(*as), .dequantized = true});
      } else {
        plan.reason = fmt::format("{} has values beyond float16", constant.name);
      }
    }
  }

  void plan_outside(TensorId id) {
    if (graph_.tensor(id).type != DataType::float32 || graph_.tensor(id).is_constant) return;
    const TensorPlan inside = stored(id);
    TensorPlan outside{inside.name, DataType::float32, {}};
    switch (plan_.recipe.io) {
      case IoType::float32:
        break;
      case IoType::int16:
        outside = seen_as(id, DataType::int16, inside);
        break;
      case IoType::int8:
        outside = seen_as(id, DataType::int8, inside);
        break;
      case IoType::uint8:
        outside = seen_as(id, DataType::int8, inside);
        outside.type = DataType::uint8;
        for (int64_t& zero : outside.quantization.zero_point) zero += 128;
        break;
    }
    if (!(outside == inside)) plan_.outside[id] = std::move(outside);
  }

  TensorPlan seen_as(TensorId id, DataType type, const TensorPlan& inside) const {
    if (inside.type == type) return inside;
    const Range range = range_of(id);
    return {inside.name, type, activation_scale(type, range.min, range.max)};
  }

  const Graph& graph_;
  const Stats& stats_;
  OpChoices choices_;
  std::map<DataType, Scales> scales_;  ///< of the ops that compute with int8 and with int16
  std::map<TensorId, std::vector<TensorPlan>> bridges_;  ///< conversions that there are already
  QuantPlan plan_;
};

}  // namespace

QuantPlan make_plan(const Model& model, const Stats& stats, const Recipe& recipe) {
  require_float_model(model);
  return Planner(model, stats, recipe).run();
}

}  // namespace smelt
