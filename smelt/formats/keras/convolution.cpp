#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// What all two-dimensional convolutions have.
struct Geometry {
  std::array<int32_t, 2> kernel, stride, dilation;
  Padding padding;
  int32_t out_h, out_w;
};

Geometry read_geometry(const Layer& layer, const Shape& in) {
  require_channels_last(layer);
  Geometry g;
  g.kernel = layer.config.pair("kernel_size");
  g.stride = layer.config.pair_or("strides", {1, 1});
  g.dilation = layer.config.pair_or("dilation_rate", {1, 1});
  g.padding = read_padding(layer);
  g.out_h = output_size(in[1], g.kernel[0], g.stride[0], g.dilation[0], g.padding);
  g.out_w = output_size(in[2], g.kernel[1], g.stride[1], g.dilation[1], g.padding);
  return g;
}

TensorId bias_or_none(const Layer& layer, size_t position, int32_t channels) {
  if (!layer.config.boolean("use_bias", true)) return TensorId::none;
  return vector_weight(layer, {"bias"}, position, channels);
}

/// x [N,H,W,C] -> [N,Ho,Wo,filters], kernel [kh,kw,C/groups,filters] in the file.
Results import_conv2d(const Layer& layer) {
  const Shape in = layer.input_shape(4);
  const Geometry g = read_geometry(layer, in);
  const int32_t filters = layer.config.integer("filters");
  const int32_t groups = layer.config.integer_or("groups", 1);
  if (in[3] % groups != 0 || filters % groups != 0) {
    fail(ErrorKind::bad_file, "{} groups do not divide {} inputs and {} filters", groups, in[3],
         filters);
  }
  const int32_t depth = in[3] / groups;
  const TensorId kernel =
      transposed_weight(layer, {"kernel"}, 0, {g.kernel[0], g.kernel[1], depth, filters},
                        {filters, g.kernel[0], g.kernel[1], depth});
  const Conv2DAttributes attributes{.padding = g.padding,
                                    .stride_h = g.stride[0],
                                    .stride_w = g.stride[1],
                                    .dilation_h = g.dilation[0],
                                    .dilation_w = g.dilation[1]};
  const TensorId y =
      layer.graph.op(OpType::conv_2d, {layer.input(), kernel, bias_or_none(layer, 1, filters)},
                     attributes, {1, g.out_h, g.out_w, filters});
  return apply_activation(layer, y);
}

/// C*M.
int32_t depthwise_channels(const Layer& layer) {
  const int64_t multiplier = layer.config.integer_or("depth_multiplier", 1);
  return static_cast<int32_t>(as_integer(Json(layer.input_shape(4)[3] * multiplier), 1, kMaxSize,
                                         "number of output channels"));
}

/// x [N,H,W,C] -> [N,Ho,Wo,C*M]; the kernel [kh,kw,C,M] has the order of TFLite's [1,kh,kw,C*M].
TensorId depthwise(const Layer& layer, const Geometry& g, TensorId bias) {
  const int32_t depth = layer.input_shape(4)[3];
  const int32_t channels = depthwise_channels(layer);
  const int32_t multiplier = channels / depth;
  const TensorId kernel = plain_weight(layer, {"depthwise_kernel", "kernel"}, 0,
                                       {g.kernel[0], g.kernel[1], depth, multiplier},
                                       {1, g.kernel[0], g.kernel[1], channels});
  const DepthwiseConv2DAttributes attributes{.padding = g.padding,
                                             .stride_h = g.stride[0],
                                             .stride_w = g.stride[1],
                                             .dilation_h = g.dilation[0],
                                             .dilation_w = g.dilation[1],
                                             .depth_multiplier = multiplier};
  return layer.graph.op(OpType::depthwise_conv_2d, {layer.input(), kernel, bias}, attributes,
                        {1, g.out_h, g.out_w, channels});
}

Results import_depthwise_conv2d(const Layer& layer) {
  const Geometry g = read_geometry(layer, layer.input_shape(4));
  const TensorId bias = bias_or_none(layer, 1, depthwise_channels(layer));
  return apply_activation(layer, depthwise(layer, g, bias));
}

/// A depthwise convolution without bias, then one of size 1x1 with it.
Results import_separable_conv2d(const Layer& layer) {
  const Geometry g = read_geometry(layer, layer.input_shape(4));
  const int32_t filters = layer.config.integer("filters");
  const TensorId spread = depthwise(layer, g, TensorId::none);
  const int32_t depth = layer.graph.shape(spread).back();
  const TensorId kernel = transposed_weight(layer, {"pointwise_kernel"}, 1, {1, 1, depth, filters},
                                            {filters, 1, 1, depth});
  const TensorId y =
      layer.graph.op(OpType::conv_2d, {spread, kernel, bias_or_none(layer, 2, filters)},
                     Conv2DAttributes{.padding = Padding::valid}, {1, g.out_h, g.out_w, filters});
  return apply_activation(layer, y);
}

constexpr TableRow kRows[] = {
    {"Conv2D", import_conv2d},
    {"DepthwiseConv2D", import_depthwise_conv2d},
    {"SeparableConv2D", import_separable_conv2d},
};

}  // namespace

std::span<const TableRow> convolution_layers() { return kRows; }

}  // namespace smelt::keras
