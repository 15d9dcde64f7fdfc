#include <numeric>

#include "smelt/formats/keras/windows.h"

namespace smelt::keras {
namespace {

/// Groups of channels, which must divide inputs and filters.
int32_t read_groups(const Layer& layer, int32_t channels, int32_t filters) {
  const int32_t groups = layer.config.integer_or("groups", 1);
  if (channels % groups != 0 || filters % groups != 0) {
    fail(ErrorKind::bad_file, "{} groups do not divide {} inputs and {} filters", groups, channels,
         filters);
  }
  return groups;
}

/// [size of each axis, a, b].
Shape kernel_shape(const std::vector<int32_t>& size, int32_t a, int32_t b) {
  std::vector<int32_t> dims = size;
  dims.push_back(a);
  dims.push_back(b);
  return Shape(std::move(dims));
}

/// x [N,H,W,C] -> [N,Ho,Wo,filters]; the kernel in the file has `axes` axes in front of
/// [C/groups,filters].
TensorId conv_2d(const Layer& layer, TensorId x, const Window& window, size_t axes) {
  const Shape in = layer.graph.shape(x);
  const int32_t filters = layer.config.integer("filters");
  const int32_t depth = in[3] / read_groups(layer, in[3], filters);
  const std::vector<int32_t> stored(window.size.end() - static_cast<ptrdiff_t>(axes),
                                    window.size.end());
  const TensorId kernel =
      transposed_weight(layer, {"kernel"}, 0, kernel_shape(stored, depth, filters),
                        {filters, window.size[0], window.size[1], depth});
  return layer.graph.op(OpType::conv_2d, {x, kernel, bias_or_none(layer, 1, filters)},
                        conv_2d_attributes(window), window_output(in, window, filters));
}

Results import_conv1d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(3);
  const Window window = read_window(layer, 1);
  const TensorId x = with_height(layer.graph, pad_causally(layer.graph, layer.input(), window));
  const TensorId y = conv_2d(layer, x, with_height(window), 1);
  return activated(given, without_height(layer.graph, y));
}

Results import_conv2d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(4);
  return activated(given, conv_2d(layer, layer.input(), read_window(layer, 2), 2));
}

/// CONV_3D knows no groups: weights between groups are zeros.
std::vector<float> without_groups(std::span<const float> kernel, int64_t groups, int64_t depth,
                                  int64_t filters) {
  const int64_t cells = static_cast<int64_t>(kernel.size()) / (depth * filters);
  const int64_t size = checked_mul(static_cast<int64_t>(kernel.size()), groups, "a kernel");
  std::vector<float> wide(
      static_cast<size_t>(as_integer(Json(size), 1, kMaxWidened, "a kernel without groups")));
  for (int64_t cell = 0; cell < cells; ++cell) {
    for (int64_t i = 0; i < depth; ++i) {
      for (int64_t o = 0; o < filters; ++o) {
        const int64_t channel = o / (filters / groups) * depth + i;
        wide[static_cast<size_t>((cell * depth * groups + channel) * filters + o)] =
            kernel[static_cast<size_t>((cell * depth + i) * filters + o)];
      }
    }
  }
  return wide;
}

/// x [N,D,H,W,C] -> [N,Do,Ho,Wo,filters]; the kernel has the order of the file.
Results import_conv3d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Shape in = layer.input_shape(5);
  const Window window = read_window(layer, 3);
  const int32_t filters = layer.config.integer("filters");
  const int32_t groups = read_groups(layer, in[4], filters);
  const int32_t depth = in[4] / groups;
  const TensorId kernel =
      made_weight(layer, {"kernel"}, 0, kernel_shape(window.size, depth, filters),
                  kernel_shape(window.size, in[4], filters), [&](std::span<const float> values) {
                    return groups == 1 ? std::vector<float>(values.begin(), values.end())
                                       : without_groups(values, groups, depth, filters);
                  });
  const TensorId y =
      layer.graph.op(OpType::conv_3d, {layer.input(), kernel, bias_or_none(layer, 1, filters)},
                     conv_3d_attributes(window), window_output(in, window, filters));
  return activated(given, y);
}

/// C*M.
int32_t depthwise_channels(const Layer& layer) {
  const int64_t multiplier = layer.config.integer_or("depth_multiplier", 1);
  return static_cast<int32_t>(as_integer(Json(layer.graph.shape(layer.input()).back() * multiplier),
                                         1, kMaxSize, "number of output channels"));
}

/// x [N,H,W,C] -> [N,Ho,Wo,C*M]; the kernel [..., C,M] has the order of TFLite's [1,kh,kw,C*M].
TensorId depthwise(const Layer& layer, TensorId x, const Window& window, size_t axes,
                   TensorId bias) {
  const int32_t channels = depthwise_channels(layer);
  const int32_t depth = layer.graph.shape(x)[3];
  const int32_t multiplier = channels / depth;
  const std::vector<int32_t> stored(window.size.end() - static_cast<ptrdiff_t>(axes),
                                    window.size.end());
  const TensorId kernel = plain_weight(layer, {"depthwise_kernel", "kernel"}, 0,
                                       kernel_shape(stored, depth, multiplier),
                                       {1, window.size[0], window.size[1], channels});
  const DepthwiseConv2DAttributes attributes{.padding = window.padding,
                                             .stride_h = window.stride[0],
                                             .stride_w = window.stride[1],
                                             .dilation_h = window.dilation[0],
                                             .dilation_w = window.dilation[1],
                                             .depth_multiplier = multiplier};
  return layer.graph.op(OpType::depthwise_conv_2d, {x, kernel, bias}, attributes,
                        window_output(layer.graph.shape(x), window, channels));
}

Results import_depthwise_conv1d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(3);
  const Window window = read_window(layer, 1);
  const TensorId x = with_height(layer.graph, pad_causally(layer.graph, layer.input(), window));
  const TensorId bias = bias_or_none(layer, 1, depthwise_channels(layer));
  return activated(given,
                   without_height(layer.graph, depthwise(layer, x, with_height(window), 1, bias)));
}

Results import_depthwise_conv2d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(4);
  const TensorId bias = bias_or_none(layer, 1, depthwise_channels(layer));
  return activated(given, depthwise(layer, layer.input(), read_window(layer, 2), 2, bias));
}

/// A depthwise convolution without bias, then one of size 1x1 with it.
TensorId separable(const Layer& layer, TensorId x, const Window& window, size_t axes) {
  const int32_t filters = layer.config.integer("filters");
  const TensorId spread = depthwise(layer, x, window, axes, TensorId::none);
  Shape shape = layer.graph.shape(spread);
  const int32_t depth = shape[3];
  const TensorId kernel = transposed_weight(
      layer, {"pointwise_kernel"}, 1, kernel_shape(std::vector<int32_t>(axes, 1), depth, filters),
      {filters, 1, 1, depth});
  shape[3] = filters;
  return layer.graph.op(OpType::conv_2d, {spread, kernel, bias_or_none(layer, 2, filters)},
                        Conv2DAttributes{.padding = Padding::valid}, shape);
}

Results import_separable_conv1d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(3);
  const Window window = read_window(layer, 1);
  // Its height of 1 is strided over, too, with what the length has.
  Window wide = with_height(window);
  wide.stride[0] = wide.stride[1];
  const TensorId x = with_height(layer.graph, pad_causally(layer.graph, layer.input(), window));
  return activated(given, without_height(layer.graph, separable(layer, x, wide, 1)));
}

Results import_separable_conv2d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(4);
  return activated(given, separable(layer, layer.input(), read_window(layer, 2), 2));
}

constexpr TableRow kRows[] = {
    {"Conv1D", import_conv1d},
    {"Conv2D", import_conv2d},
    {"Conv3D", import_conv3d},
    {"DepthwiseConv1D", import_depthwise_conv1d},
    {"DepthwiseConv2D", import_depthwise_conv2d},
    {"SeparableConv1D", import_separable_conv1d},
    {"SeparableConv2D", import_separable_conv2d},
};

}  // namespace

std::span<const TableRow> convolution_layers() { return kRows; }

}  // namespace smelt::keras
