#include "smelt/train/blocks/factory.h"

#include <limits>

#include "smelt/ir/dump.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/passes/rewrite.h"
#include "smelt/train/blocks/depthwise_block.h"
#include "smelt/train/blocks/matrix_block.h"

namespace smelt::train {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Activation fused_activation(const Op& op) {
  switch (op.type) {
    case OpType::conv_2d:
      return op.as<Conv2DAttributes>().activation;
    case OpType::depthwise_conv_2d:
      return op.as<DepthwiseConv2DAttributes>().activation;
    default:
      return op.as<FullyConnectedAttributes>().activation;
  }
}

/// The range that a clamping op keeps its input in.
std::optional<FloatRange> clamp_of(OpType type) {
  switch (type) {
    case OpType::relu:
      return FloatRange{0, kInfinity};
    case OpType::relu6:
      return FloatRange{0, 6};
    case OpType::relu_n1_to_1:
      return FloatRange{-1, 1};
    case OpType::relu_0_to_1:
      return FloatRange{0, 1};
    default:
      return {};
  }
}

bool normalizes_channels(const Graph& graph, const Op& norm, TensorId x) {
  const int axis = norm.as<BatchNormalizationAttributes>().axis;
  const int rank = graph.tensor(x).shape.rank();
  if (norm.input(0) != x || (axis != -1 && axis != rank - 1)) return false;
  for (size_t i = 1; i < 5; ++i) {
    if (norm.input(i) && !float_constant(graph, norm, i)) return false;
  }
  return norm.input(3) && norm.input(4);
}

bool has_plain_weights(const Graph& graph, const Op& op) {
  if (!float_constant(graph, op, 1)) return false;
  if (op.input(2) && !float_constant(graph, op, 2)) return false;
  return op.type != OpType::fully_connected ||
         op.as<FullyConnectedAttributes>().weights_format == WeightsFormat::plain;
}

FloatRange activation_of(const BlockArguments& a) {
  if (a.match.activation) return *clamp_of(a.graph.op(a.match.activation).type);
  const Activation fused = fused_activation(a.graph.op(a.match.linear));
  require_clamping(fused);
  FloatRange range = activation_range(fused);
  if (range.low == std::numeric_limits<float>::lowest()) range.low = -kInfinity;
  if (range.high == std::numeric_limits<float>::max()) range.high = kInfinity;
  return range;
}

EpilogueOptions epilogue(const BlockArguments& a, int64_t channels) {
  const FloatRange range = activation_of(a);
  EpilogueOptions options{
      .channels = channels, .bias = a.bias, .low = range.low, .high = range.high, .quant = a.quant};
  if (a.match.norm) {
    const auto& attributes = a.graph.op(a.match.norm).as<BatchNormalizationAttributes>();
    options.norm = BatchNorm{.gamma = a.gamma,
                             .beta = a.beta,
                             .mean = a.mean,
                             .variance = a.variance,
                             .epsilon = attributes.epsilon,
                             .momentum = attributes.momentum,
                             .frozen = a.norms_frozen};
  }
  return options;
}

template <class Attributes>
Window window_of(const BlockArguments& a, const Op& op) {
  const auto operand = [&](TensorId id) {
    const Tensor& tensor = a.graph.tensor(id);
    return smelt::Operand{.id = id, .name = tensor.name, .shape = tensor.shape};
  };
  return conv_window(op.as<Attributes>(), operand(op.input(0)), operand(op.input(1)),
                     operand(op.output()));
}

std::unique_ptr<Layer> make_matrix(const BlockArguments& a, Im2Col shape, int64_t groups,
                                   int64_t channels) {
  return std::make_unique<MatrixBlock>(a.name, MatrixBlockOptions{.x = a.x,
                                                                  .kernel = a.kernel,
                                                                  .shared_kernel = a.shared_kernel,
                                                                  .y = a.y,
                                                                  .shape = shape,
                                                                  .groups = groups,
                                                                  .epilogue = epilogue(a, channels),
                                                                  .weight_quant = a.weight_quant,
                                                                  .max_samples = a.max_samples,
                                                                  .threads = a.threads});
}

std::unique_ptr<Layer> make_conv(const BlockArguments& a, const Op& op) {
  const Shape& x = a.graph.tensor(op.input(0)).shape;
  const Shape& w = a.graph.tensor(op.input(1)).shape;
  if (w.rank() != 4 || w[3] < 1 || x[3] % w[3] != 0 || w[0] % (x[3] / w[3]) != 0) {
    fail(ErrorKind::bad_file, "weights of shape {} do not fit an input of shape {}", to_string(w),
         to_string(x));
  }
  const Im2Col shape{.window = window_of<Conv2DAttributes>(a, op),
                     .batch = x[0],
                     .channels = x[3],
                     .row_channels = w[3]};
  return make_matrix(a, shape, x[3] / w[3], w[0]);
}

std::unique_ptr<Layer> make_depthwise(const BlockArguments& a, const Op& op) {
  const Shape& x = a.graph.tensor(op.input(0)).shape;
  const Shape& w = a.graph.tensor(op.input(1)).shape;
  return std::make_unique<DepthwiseBlock>(
      a.name, DepthwiseBlockOptions{.x = a.x,
                                    .kernel = a.kernel,
                                    .shared_kernel = a.shared_kernel,
                                    .y = a.y,
                                    .window = window_of<DepthwiseConv2DAttributes>(a, op),
                                    .images = x[0],
                                    .channels = x[3],
                                    .multiplier = w[3] / x[3],
                                    .epilogue = epilogue(a, w[3]),
                                    .weight_quant = a.weight_quant,
                                    .max_samples = a.max_samples,
                                    .threads = a.threads});
}

std::unique_ptr<Layer> make_dense(const BlockArguments& a, const Op& op) {
  const Shape& w = a.graph.tensor(op.input(1)).shape;
  const Im2Col shape{.window = {.in_h = 1, .in_w = 1, .out_h = 1, .out_w = 1},
                     .batch = a.x.size() / w[1],
                     .channels = w[1],
                     .row_channels = w[1]};
  return make_matrix(a, shape, 1, w[0]);
}

}  // namespace

std::optional<BlockMatch> match_block(const Graph& graph, OpId id,
                                      const std::function<bool(TensorId)>& is_point) {
  const Op& op = graph.op(id);
  if (op.type != OpType::conv_2d && op.type != OpType::depthwise_conv_2d &&
      op.type != OpType::fully_connected) {
    return {};
  }
  if (!has_plain_weights(graph, op)) return {};
  BlockMatch match{.linear = id, .output = op.output()};
  if (fused_activation(op) != Activation::none) return match;
  const auto next = [&]() {
    return is_point(match.output) ? OpId::none : sole_reader(graph, match.output);
  };
  OpId reader = next();
  if (reader && graph.op(reader).type == OpType::batch_normalization &&
      normalizes_channels(graph, graph.op(reader), match.output)) {
    match.norm = reader;
    match.output = graph.op(reader).output();
    reader = next();
  }
  if (reader && clamp_of(graph.op(reader).type)) {
    match.activation = reader;
    match.output = graph.op(reader).output();
  }
  return match;
}

std::unique_ptr<Layer> make_block(const BlockArguments& arguments) {
  const Op& op = arguments.graph.op(arguments.match.linear);
  if (op.type == OpType::conv_2d) return make_conv(arguments, op);
  if (op.type == OpType::depthwise_conv_2d) return make_depthwise(arguments, op);
  return make_dense(arguments, op);
}

}  // namespace smelt::train
