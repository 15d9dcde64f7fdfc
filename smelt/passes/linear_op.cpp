#include "smelt/passes/linear_op.h"

namespace smelt {
namespace {

/// Operand positions and axes by op type; the rest is filled in by as_linear.
std::optional<LinearOp> layout_of(OpType type) {
  switch (type) {
    case OpType::conv_2d:
    case OpType::fully_connected:
      return LinearOp{};
    case OpType::depthwise_conv_2d:
      return LinearOp{.out_axis = 3};
    case OpType::transpose_conv:
      return LinearOp{.x = 2, .w = 1, .b = 3};
    case OpType::conv_3d:
      return LinearOp{.out_axis = 4};
    default:
      return std::nullopt;
  }
}

std::vector<float> values_of(const Graph& graph, OpId id, size_t index) {
  const auto values = float_constant(graph, graph.op(id), index);
  return {values->begin(), values->end()};
}

/// The bias, zeros where it is absent.
std::vector<float> bias_of(const Graph& graph, const LinearOp& linear) {
  if (!graph.op(linear.op).input(linear.b)) {
    return std::vector<float>(static_cast<size_t>(linear.out_channels), 0.0f);
  }
  return values_of(graph, linear.op, linear.b);
}

void set_bias(Graph& graph, const LinearOp& linear, const std::vector<float>& bias) {
  set_float_operand(graph, linear.op, linear.b, Shape({static_cast<int32_t>(bias.size())}), bias,
                    "b");
}

/// True where the channel counts of x and w fit together as the op type asks for.
bool channels_fit(const Op& op, const LinearOp& linear, const Shape& w) {
  if (linear.in_channels <= 0) return false;
  switch (op.type) {
    case OpType::fully_connected:
      return w.rank() == 2 && linear.in_channels == w.back();
    case OpType::depthwise_conv_2d:
      return w.rank() == 4 && linear.out_channels % linear.in_channels == 0;
    case OpType::conv_3d:
      return w.rank() == 5 && linear.in_channels == w[3];
    default:
      return w.rank() == 4 && linear.in_channels % w.back() == 0 &&
             linear.out_channels % (linear.in_channels / w.back()) == 0;
  }
}

void set_weights(Graph& graph, const LinearOp& linear, const std::vector<float>& weights) {
  const Shape shape = graph.tensor(graph.op(linear.op).input(linear.w)).shape;
  set_float_operand(graph, linear.op, linear.w, shape, weights, "w");
}

}  // namespace

std::optional<LinearOp> as_linear(const Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  std::optional<LinearOp> linear = layout_of(op.type);
  if (!linear || op.outputs.size() != 1 || !op.input(linear->x)) return std::nullopt;
  const auto weights = float_constant(graph, op, linear->w);
  if (!weights) return std::nullopt;
  const Shape& w = graph.tensor(op.input(linear->w)).shape;
  const Shape& x = graph.tensor(op.input(linear->x)).shape;
  if (w.rank() <= linear->out_axis || x.rank() == 0 || w.elements() == 0) return std::nullopt;
  linear->op = id;
  linear->in_channels = x.back();
  linear->out_channels = w[linear->out_axis];
  if (op.type == OpType::fully_connected) linear->in_channels = w.back();
  if (!channels_fit(op, *linear, w)) return std::nullopt;
  linear->activation = fused_activation(op.attributes).value_or(Activation::none);
  if (op.input(linear->b)) {
    const auto bias = float_constant(graph, op, linear->b);
    if (!bias || static_cast<int64_t>(bias->size()) != linear->out_channels) return std::nullopt;
  }
  return linear;
}

WeightPosition weight_position(const Graph& graph, const LinearOp& linear, int64_t index) {
  const Op& op = graph.op(linear.op);
  const Shape& w = graph.tensor(op.input(linear.w)).shape;
  switch (op.type) {
    case OpType::depthwise_conv_2d: {
      const int64_t out = index % linear.out_channels;
      return {out, out / (linear.out_channels / linear.in_channels)};
    }
    case OpType::conv_3d:
      return {index % linear.out_channels, index / linear.out_channels % w[3]};
    default: {
      const int64_t out = index / w.elements(1, w.rank());
      const int64_t groups = linear.in_channels / w.back();
      const int64_t outs_per_group = linear.out_channels / groups;
      return {out, out / outs_per_group * w.back() + index % w.back()};
    }
  }
}

bool never_pads(const Graph& graph, const LinearOp& linear) {
  const Op& op = graph.op(linear.op);
  if (op.type == OpType::fully_connected) return true;
  if (op.type == OpType::transpose_conv) return false;
  Padding padding = Padding::same;
  std::visit(
      [&](const auto& a) {
        if constexpr (requires { a.padding; }) padding = a.padding;
      },
      op.attributes);
  if (padding == Padding::valid) return true;
  const Shape& w = graph.tensor(op.input(linear.w)).shape;
  return op.type == OpType::conv_3d ? w.elements(0, 3) == 1 : w.elements(1, 3) == 1;
}

void scale_result(Graph& graph, const LinearOp& linear, const std::vector<float>& scale) {
  std::vector<float> weights = values_of(graph, linear.op, linear.w);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t out = weight_position(graph, linear, static_cast<int64_t>(i)).out;
    weights[i] *= scale[static_cast<size_t>(out)];
  }
  set_weights(graph, linear, weights);
  if (!graph.op(linear.op).input(linear.b)) return;
  std::vector<float> bias = bias_of(graph, linear);
  for (size_t i = 0; i < bias.size(); ++i) bias[i] *= scale[i];
  set_bias(graph, linear, bias);
}

void shift_result(Graph& graph, const LinearOp& linear, const std::vector<float>& offset) {
  std::vector<float> bias = bias_of(graph, linear);
  for (size_t i = 0; i < bias.size(); ++i) bias[i] += offset[i];
  set_bias(graph, linear, bias);
}

void scale_operand(Graph& graph, const LinearOp& linear, const std::vector<float>& scale) {
  std::vector<float> weights = values_of(graph, linear.op, linear.w);
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t in = weight_position(graph, linear, static_cast<int64_t>(i)).in;
    weights[i] *= scale[static_cast<size_t>(in)];
  }
  set_weights(graph, linear, weights);
}

void shift_operand(Graph& graph, const LinearOp& linear, const std::vector<float>& offset) {
  const std::vector<float> weights = values_of(graph, linear.op, linear.w);
  const std::vector<float> bias = bias_of(graph, linear);
  std::vector<double> sum(bias.begin(), bias.end());
  for (size_t i = 0; i < weights.size(); ++i) {
    const WeightPosition at = weight_position(graph, linear, static_cast<int64_t>(i));
    sum[static_cast<size_t>(at.out)] +=
        static_cast<double>(weights[i]) * offset[static_cast<size_t>(at.in)];
  }
  set_bias(graph, linear, std::vector<float>(sum.begin(), sum.end()));
}

std::optional<std::vector<float>> per_channel_constant(const Graph& graph, const Op& op,
                                                       size_t index, const Shape& shape) {
  const auto values = float_constant(graph, op, index);
  if (!values || shape.rank() == 0 || shape.back() <= 0) return std::nullopt;
  const Shape& constant = graph.tensor(op.input(index)).shape;
  const size_t channels = static_cast<size_t>(shape.back());
  if (constant.rank() > shape.rank()) return std::nullopt;
  if (values->size() == 1) return std::vector<float>(channels, values->front());
  if (values->size() != channels || constant.back() != shape.back()) return std::nullopt;
  return std::vector<float>(values->begin(), values->end());
}

}  // namespace smelt
