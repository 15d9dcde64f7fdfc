#include <array>

#include "smelt/formats/tensorflow/node.h"

// Convolutions. Kernels are [kh,kw,I,O] in TensorFlow; x is [N,H,W,C] or, with data_format NCHW,
// [N,C,H,W], which is transposed around the op.

namespace smelt::tensorflow {
namespace {

/// Window steps of `count` spatial axes.
struct Steps {
  std::vector<int32_t> strides;
  std::vector<int32_t> dilations;
  Padding padding = Padding::valid;
};

/// The spatial part of a list over all axes; ones where it is missing.
std::vector<int32_t> spatial(const Node& node, const std::string& name, size_t count) {
  const std::vector<int32_t> all = node.attributes.ints(name);
  if (all.empty()) return std::vector<int32_t>(count, 1);
  if (all.size() != count + 2) fail(ErrorKind::bad_file, "{} has {} values", name, all.size());
  const size_t first = node.channels_first() ? 2 : 1;
  const std::vector<int32_t> steps(all.begin() + static_cast<long>(first),
                                   all.begin() + static_cast<long>(first + count));
  for (const int32_t step : steps) {
    if (step < 1) fail(ErrorKind::bad_file, "{} holds {}", name, step);
  }
  return steps;
}

Padding same_or_valid(const std::string& padding) {
  if (padding == "SAME") return Padding::same;
  if (padding == "VALID" || padding == "EXPLICIT") return Padding::valid;
  fail(ErrorKind::bad_file, "padding \"{}\" is not known", padding);
}

Steps read_steps(const Node& node, size_t count) {
  return {.strides = spatial(node, "strides", count),
          .dilations = spatial(node, "dilations", count),
          .padding = same_or_valid(node.attributes.text("padding", ""))};
}

/// x in [N,...,C] order, with the padding that EXPLICIT asks for around it.
TensorId operand(const Node& node, TensorId x) {
  if (node.attributes.text("padding", "") == "EXPLICIT") {
    const std::vector<int32_t> sides = node.attributes.ints("explicit_paddings");
    if (sides.size() != 2 * static_cast<size_t>(node.graph.rank(x))) {
      fail(ErrorKind::bad_file, "explicit_paddings has {} values", sides.size());
    }
    x = node.graph.pad(x, sides);
  }
  return node.channels_first() ? channels_last(node.graph, x) : x;
}

TensorId result(const Node& node, TensorId y) {
  return node.channels_first() ? channels_first(node.graph, y) : y;
}

void need_rank(const Node& node, TensorId id, int rank, std::string_view what) {
  if (node.graph.rank(id) == rank) return;
  fail(ErrorKind::bad_file, "{} has shape {}", what, to_string(node.graph.shape(id)));
}

/// In [N,H,W,C] order.
TensorId convolve(const Node& node) {
  need_rank(node, node.input(0), 4, "its input");
  need_rank(node, node.input(1), 4, "its filter");
  const Steps steps = read_steps(node, 2);
  const TensorId x = operand(node, node.input(0));
  const TensorId w = node.graph.transpose(node.input(1), {3, 0, 1, 2});
  const Conv2DAttributes attributes{.padding = steps.padding,
                                    .stride_h = steps.strides[0],
                                    .stride_w = steps.strides[1],
                                    .dilation_h = steps.dilations[0],
                                    .dilation_w = steps.dilations[1]};
  return node.graph.op(OpType::conv_2d, {x, w}, attributes);
}

TensorId convolve_depthwise(const Node& node) {
  need_rank(node, node.input(0), 4, "its input");
  need_rank(node, node.input(1), 4, "its filter");
  const Steps steps = read_steps(node, 2);
  const TensorId x = operand(node, node.input(0));
  const Shape kernel = node.shape(1);
  const int64_t channels = checked_mul(kernel[2], kernel[3], "number of channels");
  if (channels > (1 << 30)) fail(ErrorKind::bad_file, "its filter is too large");
  const TensorId w =
      node.graph.reshape(node.input(1), {1, kernel[0], kernel[1], static_cast<int32_t>(channels)});
  const DepthwiseConv2DAttributes attributes{.padding = steps.padding,
                                             .stride_h = steps.strides[0],
                                             .stride_w = steps.strides[1],
                                             .dilation_h = steps.dilations[0],
                                             .dilation_w = steps.dilations[1],
                                             .depth_multiplier = kernel[3]};
  return node.graph.op(OpType::depthwise_conv_2d, {x, w}, attributes);
}

Values import_conv2d(const Node& node) { return {result(node, convolve(node))}; }
Values import_depthwise(const Node& node) { return {result(node, convolve_depthwise(node))}; }

/// What _Fused ops compute behind the convolution: fused_ops, with operands from the third on.
TensorId finish_fused(const Node& node, TensorId y) {
  size_t next = 2;
  for (const std::string& op : node.attributes.texts("fused_ops")) {
    if (op == "BiasAdd" || op == "Add") {
      y = node.graph.op(OpType::add, {y, node.input(next++)});
    } else if (op == "FusedBatchNorm") {
      const BatchNormalizationAttributes attributes{.epsilon =
                                                        node.attributes.number("epsilon", 1e-4f)};
      y = node.graph.op(
          OpType::batch_normalization,
          {y, node.input(next), node.input(next + 1), node.input(next + 2), node.input(next + 3)},
          attributes);
      next += 4;
    } else {
      const bool more = next < node.count();
      y = activation(node, op, y, op == "Prelu" && more ? node.input(next) : TensorId::none);
    }
  }
  return y;
}

Values import_fused_conv2d(const Node& node) {
  return {result(node, finish_fused(node, convolve(node)))};
}
Values import_fused_depthwise(const Node& node) {
  return {result(node, finish_fused(node, convolve_depthwise(node)))};
}

Values import_conv3d(const Node& node) {
  need_rank(node, node.input(0), 5, "its input");
  const Steps steps = read_steps(node, 3);
  const Conv3DAttributes attributes{.padding = steps.padding,
                                    .stride_d = steps.strides[0],
                                    .stride_h = steps.strides[1],
                                    .stride_w = steps.strides[2],
                                    .dilation_d = steps.dilations[0],
                                    .dilation_h = steps.dilations[1],
                                    .dilation_w = steps.dilations[2]};
  const TensorId x = operand(node, node.input(0));
  return {result(node, node.graph.op(OpType::conv_3d, {x, node.input(1)}, attributes))};
}

/// Operands: shape of the result, kernel [kh,kw,O,I], x.
Values import_transposed(const Node& node) {
  need_rank(node, node.input(1), 4, "its filter");
  need_rank(node, node.input(2), 4, "its input");
  const Steps steps = read_steps(node, 2);
  if (steps.dilations != std::vector<int32_t>{1, 1}) {
    fail(ErrorKind::unsupported, "dilation of transposed convolutions is not supported");
  }
  if (node.attributes.text("padding", "") == "EXPLICIT") {
    fail(ErrorKind::unsupported, "explicit padding of transposed convolutions is not supported");
  }
  std::vector<int32_t> shape = node.ints(0, "the shape of its result");
  if (shape.size() == 2) {
    const Shape& x = node.shape(2);
    shape = {x[0], shape[0], shape[1], node.shape(1)[2]};
  } else if (shape.size() == 4 && node.channels_first()) {
    shape = {shape[0], shape[2], shape[3], shape[1]};
  }
  const TensorId x = operand(node, node.input(2));
  const TensorId w = node.graph.transpose(node.input(1), {2, 0, 1, 3});
  const TransposeConv2DAttributes attributes{
      .padding = steps.padding, .stride_h = steps.strides[0], .stride_w = steps.strides[1]};
  const TensorId y = node.graph.op(OpType::transpose_conv, {node.graph.ints(shape), w, x},
                                   attributes, node.type(2));
  return {result(node, y)};
}

/// Operands: shape of the result, kernel [kd,kh,kw,O,I], x.
Values import_transposed_3d(const Node& node) {
  const Steps steps = read_steps(node, 3);
  if (node.channels_first()) {
    fail(ErrorKind::unsupported, "its data_format is not supported");
  }
  const Conv3DAttributes attributes{.padding = steps.padding,
                                    .stride_d = steps.strides[0],
                                    .stride_h = steps.strides[1],
                                    .stride_w = steps.strides[2]};
  const std::vector<int32_t> shape = node.ints(0, "the shape of its result");
  return {node.graph.op(OpType::conv_3d_transpose,
                        {node.graph.ints(shape), node.input(1), node.input(2)}, attributes,
                        node.type(2))};
}

/// b [C] onto axis 1 of [N,C,...], or onto the last one.
Values import_bias_add(const Node& node) {
  Builder& graph = node.graph;
  const TensorId x = node.input(0);
  TensorId bias = node.input(1);
  if (!node.channels_first() || graph.rank(x) < 3) return {graph.op(OpType::add, {x, bias})};
  std::vector<int32_t> dims(static_cast<size_t>(graph.rank(x)), 1);
  dims[1] = static_cast<int32_t>(graph.shape(bias).elements());
  return {graph.op(OpType::add, {x, graph.reshape(bias, dims)})};
}

constexpr OpRow kRows[] = {
    {"Conv2D", import_conv2d},
    {"_FusedConv2D", import_fused_conv2d},
    {"FusedConv2D", import_fused_conv2d},
    {"DepthwiseConv2dNative", import_depthwise},
    {"DepthwiseConv2d", import_depthwise},
    {"FusedDepthwiseConv2dNative", import_fused_depthwise},
    {"_FusedDepthwiseConv2dNative", import_fused_depthwise},
    {"Conv3D", import_conv3d},
    {"Conv2DBackpropInput", import_transposed},
    {"Conv3DBackpropInputV2", import_transposed_3d},
    {"BiasAdd", import_bias_add},
};

}  // namespace

std::span<const OpRow> conv_ops() { return kRows; }

}  // namespace smelt::tensorflow
