#include "smelt/quantize/plan.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/ops/op_def.h"
#include "smelt/passes/pipeline.h"
#include "smelt/quantize/clip.h"
#include "smelt/quantize/observe.h"
#include "smelt/quantize/scales.h"
#include "smelt/quantize/ties.h"

namespace smelt {
namespace {

std::span<const float> values_of(const Tensor& tensor) { return tensor.data.as<float>(); }

bool touches_floats(const Graph& graph, const Op& op) {
  const auto is_float = [&](TensorId id) {
    return id && graph.tensor(id).type == DataType::float32;
  };
  return std::any_of(op.inputs.begin(), op.inputs.end(), is_float) ||
         std::any_of(op.outputs.begin(), op.outputs.end(), is_float);
}

void require_float_model(const Model& model) {
  const Graph& graph = model.main();
  if (const std::string op = training_form_op(graph); !op.empty()) {
    fail(ErrorKind::bad_argument, "{} is in training form; run the inference pipeline first", op);
  }
  if (model.graphs.size() > 1) {
    fail(ErrorKind::unsupported, "the model has {} subgraphs; only models of one can be quantized",
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

/// What is in the way of int8, in words; empty where nothing is.
std::string obstacle(const Graph& graph, const Op& op) {
  const QuantizationRule& rule = op_def(op.type).quantization;
  if (!rule.supported) return std::string(rule.reason);
  const bool per_channel = rule.weight >= 0 && op.type != OpType::fully_connected;
  if (per_channel && !graph.constant_input(op, static_cast<size_t>(rule.weight))) {
    return "its weights are computed, and int8 kernels want them constant";
  }
  if (rule.bias >= 0 && op.input(static_cast<size_t>(rule.bias)) &&
      !graph.constant_input(op, static_cast<size_t>(rule.bias))) {
    return "its bias is computed, and int8 kernels want it constant";
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

/// All ops that cannot become int8, in one message.
void require_int8_forms(const Graph& graph) {
  constexpr int kShown = 5;
  std::string text;
  int count = 0;
  for (const OpId id : graph.ops()) {
    if (!touches_floats(graph, graph.op(id))) continue;
    const std::string reason = obstacle(graph, graph.op(id));
    if (reason.empty() || ++count > kShown) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", describe(graph, id), reason);
  }
  if (count == 0) return;
  if (count > kShown) text += fmt::format("; and {} more", count - kShown);
  fail(
      ErrorKind::unsupported,
      "cannot become int8: {}. Replace the layer{} by one that has an int8 form, or keep the model "
      "in float",
      text, count > 1 ? "s" : "");
}

class Planner {
 public:
  Planner(const Model& model, const Stats& stats, const Recipe& recipe)
      : graph_(model.main()), stats_(stats) {
    plan_.recipe = recipe;
  }

  QuantPlan run() && {
    scales_ = choose_scales(
        graph_, [&](TensorId id) { return range_of(id); },
        [&](const std::vector<TensorId>& tensors, const Range& whole) {
          return clip(tensors, whole);
        });
    for (const auto& [id, quantization] : scales_) {
      plan_.tensors[id] = {graph_.tensor(id).name, DataType::int8, quantization};
    }
    for (const OpId id : graph_.ops()) plan_op(id);
    return std::move(plan_);
  }

 private:
  Range range_of(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    TensorStats seen;
    if (tensor.is_constant) {
      if (!observe(values_of(tensor), seen)) {
        fail(ErrorKind::bad_file, "constant {} holds NaN or infinity", describe(graph_, id));
      }
      return {seen.min, seen.max};  // an empty constant: 0
    }
    if (const auto found = stats_.tensors.find(id); found != stats_.tensors.end()) {
      seen = found->second;
    }
    if (seen.count == 0) {
      const OpId producer = graph_.producer(id);
      fail(
          ErrorKind::bad_argument,
          "{} ({}) was never computed while calibrating, so that its range is not known; calibrate "
          "with samples that reach it",
          describe(graph_, id), producer ? describe(graph_, producer) : "an input of the model");
    }
    return {seen.min, seen.max};
  }

  Range clip(const std::vector<TensorId>& tensors, const Range& whole) const {
    if (plan_.recipe.base.ranges == RangeMethod::minmax) return whole;
    std::vector<const Histogram*> histograms;
    for (const TensorId id : tensors) {
      if (graph_.is_input(id) || graph_.is_output(id)) return whole;
      histograms.push_back(&stats_.tensors.at(id).histogram);
    }
    return least_error_range(histograms, {std::min(whole.min, 0.0f), std::max(whole.max, 0.0f)});
  }

  void plan_op(OpId id) {
    const Op& op = graph_.op(id);
    OpPlan& plan = plan_.ops[id];
    plan.name = describe(graph_, id);
    if (!touches_floats(graph_, op)) {
      plan.reason = "it has no float operands or results";
      return;
    }
    plan.precision = Precision::int8;
    plan.reason = "it has an int8 kernel";
    const QuantizationRule& rule = op_def(op.type).quantization;
    if (rule.weight >= 0) plan_weights(op, rule, plan);
    for (const size_t index : float_operands(graph_, op).constant) {
      if (static_cast<int>(index) == rule.weight || static_cast<int>(index) == rule.bias) continue;
      add(op, index, DataType::int8, constant_scale(op, rule, index), plan);
    }
    if (rule.output == OutputScale::same_as_input) plan_conversions(op, plan);
  }

  static void sort_operands(OpPlan& plan) {
    std::sort(plan.operands.begin(), plan.operands.end(),
              [](const OperandPlan& a, const OperandPlan& b) { return a.index < b.index; });
  }

  void add(const Op& op, size_t index, DataType type, Quantization quantization, OpPlan& plan) {
    plan.operands.push_back(
        {index, {graph_.tensor(op.inputs[index]).name, type, std::move(quantization)}});
    sort_operands(plan);
  }

  Quantization constant_scale(const Op& op, const QuantizationRule& rule, size_t index) {
    if (rule.output == OutputScale::same_as_input) {
      for (const TensorId output : op.outputs) {
        if (const auto found = scales_.find(output); found != scales_.end()) return found->second;
      }
    }
    const Range range = range_of(op.inputs[index]);
    return asymmetric_int8(range.min, range.max);
  }

  /// Operands whose scale is not the one that the op's result shares with all others.
  void plan_conversions(const Op& op, OpPlan& plan) {
    const auto result = std::find_if(op.outputs.begin(), op.outputs.end(),
                                     [&](TensorId id) { return scales_.contains(id); });
    if (result == op.outputs.end()) return;
    const Quantization& wanted = scales_.at(*result);
    for (const size_t index : float_operands(graph_, op).computed) {
      if (!(scales_.at(op.inputs[index]) == wanted)) add(op, index, DataType::int8, wanted, plan);
    }
  }

  void plan_weights(const Op& op, const QuantizationRule& rule, OpPlan& plan) {
    const size_t w = static_cast<size_t>(rule.weight);
    const Tensor* weights = graph_.constant_input(op, w);
    const float input_scale = scales_.at(data_operand(op, rule)).scale[0];
    const Tensor* bias =
        rule.bias >= 0 ? graph_.constant_input(op, static_cast<size_t>(rule.bias)) : nullptr;
    if (!weights) {  // a dense layer whose weights are computed: activations like any other
      const float weight_scale = scales_.at(op.input(w)).scale[0];
      if (bias) add_bias(op, rule, {bias_scale(input_scale, weight_scale)}, plan);
      return;
    }
    const bool dense = op.type == OpType::fully_connected;
    const int axis = dense && plan_.recipe.base.granularity != Granularity::per_channel ? -1 : rule.weight_axis;
    std::vector<float> scale = max_abs(values_of(*weights), weights->shape, axis);
    std::transform(scale.begin(), scale.end(), scale.begin(), symmetric_int8_scale);
    if (bias) {
      const std::span<const float> values = values_of(*bias);
      if (scale.size() > 1 && scale.size() != values.size()) {
        fail(ErrorKind::bad_file, "{}: {} biases for {} output channels", plan.name, values.size(),
             scale.size());
      }
      for (size_t i = 0; i < values.size(); ++i) {
        float& s = scale[scale.size() > 1 ? i : 0];
        s = widened_weight_scale(std::abs(values[i]), input_scale, s);
      }
    }
    std::vector<float> bias_scales(scale.size());
    std::transform(scale.begin(), scale.end(), bias_scales.begin(),
                   [&](float s) { return bias_scale(input_scale, s); });
    add(op, w, DataType::int8, symmetric(std::move(scale), std::max(axis, 0)), plan);
    if (bias) add_bias(op, rule, std::move(bias_scales), plan);
  }

  static Quantization symmetric(std::vector<float> scale, int32_t axis) {
    Quantization q{.scale = std::move(scale), .axis = axis};
    q.zero_point.assign(q.scale.size(), 0);
    return q;
  }

  void add_bias(const Op& op, const QuantizationRule& rule, std::vector<float> scale,
                OpPlan& plan) {
    add(op, static_cast<size_t>(rule.bias), DataType::int32, symmetric(std::move(scale), 0), plan);
  }

  TensorId data_operand(const Op& op, const QuantizationRule& rule) const {
    for (const size_t index : float_operands(graph_, op).computed) {
      if (static_cast<int>(index) != rule.weight) return op.inputs[index];
    }
    fail(ErrorKind::unsupported, "{} reads nothing but constants", name(op.type));
  }

  const Graph& graph_;
  const Stats& stats_;
  std::map<TensorId, Quantization> scales_;
  QuantPlan plan_;
};

}  // namespace

QuantPlan make_plan(const Model& model, const Stats& stats, const Recipe& recipe) {
  require_float_model(model);
  require_int8_forms(model.main());
  return Planner(model, stats, recipe).run();
}

}  // namespace smelt
