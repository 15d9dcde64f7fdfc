#include "smelt/formats/keras/windows.h"

#include <algorithm>

namespace smelt::keras {
namespace {

/// Functions that look along an axis.
bool looks_along_axis(const Json& activation) {
  std::string name;
  if (activation.is_string()) name = activation.get<std::string>();
  if (activation.is_object()) {
    const Config described(activation);
    name = described.string("class_name", "");
    const Json* config = described.find("config");
    if (config != nullptr && config->is_string()) name = config->get<std::string>();
  }
  for (const char* known : {"softmax", "log_softmax", "glu", "sparsemax", "Softmax", "PReLU"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace

bool is_elementwise(const Layer& layer, std::string_view key) {
  const Json* activation = layer.config.find(key);
  return activation == nullptr || !looks_along_axis(*activation);
}

Layer with_channels_last(const Layer& layer) {
  Layer turned = layer;
  if (channels_first(layer)) turned.inputs = {to_channels_last(layer, layer.input())};
  return turned;
}

TensorId in_its_format(const Layer& layer, TensorId y) {
  return channels_first(layer) ? from_channels_last(layer, y) : y;
}

TensorId activated(const Layer& layer, TensorId y) {
  if (channels_first(layer) && !is_elementwise(layer)) {
    return apply_activation(layer, in_its_format(layer, y));
  }
  return in_its_format(layer, apply_activation(layer, y));
}

TensorId with_height(GraphWriter& graph, TensorId x) {
  const Shape& shape = graph.shape(x);
  return reshape(graph, x, {1, shape[1], shape[2]});
}

TensorId without_height(GraphWriter& graph, TensorId x) {
  const Shape& shape = graph.shape(x);
  return reshape(graph, x, {shape[2], shape[3]});
}

Window read_window(const Layer& layer, size_t axes) {
  const std::vector<int32_t> ones(axes, 1);
  Window window{.size = layer.config.sizes("kernel_size", axes),
                .stride = layer.config.sizes_or("strides", ones),
                .dilation = layer.config.sizes_or("dilation_rate", ones)};
  window.causal = axes == 1 && layer.config.string("padding", "valid") == "causal";
  window.padding = window.causal ? Padding::valid : read_padding(layer);
  return window;
}

TensorId pad_causally(GraphWriter& graph, TensorId x, const Window& window) {
  if (!window.causal) return x;
  const int64_t front = (int64_t{window.size[0]} - 1) * window.dilation[0];
  const auto cells = static_cast<int32_t>(as_integer(Json(front), 0, kMaxSize, "causal padding"));
  return pad(graph, x, {{0, 0}, {cells, 0}, {0, 0}});
}

Shape window_output(const Shape& in, const Window& window, int32_t channels) {
  std::vector<int32_t> dims{in[0]};
  for (size_t i = 0; i < window.size.size(); ++i) {
    dims.push_back(output_size(in[static_cast<int>(i) + 1], window.size[i], window.stride[i],
                               window.dilation[i], window.padding));
  }
  dims.push_back(channels);
  return Shape(std::move(dims));
}

Window with_height(const Window& window) {
  Window wide = window;
  for (auto* values : {&wide.size, &wide.stride, &wide.dilation})
    values->insert(values->begin(), 1);
  return wide;
}

TensorId bias_or_none(const Layer& layer, size_t position, int32_t channels) {
  if (!layer.config.boolean("use_bias", true)) return TensorId::none;
  return vector_weight(layer, {"bias"}, position, channels);
}

Conv2DAttributes conv_2d_attributes(const Window& window) {
  return {.padding = window.padding,
          .stride_h = window.stride[0],
          .stride_w = window.stride[1],
          .dilation_h = window.dilation[0],
          .dilation_w = window.dilation[1]};
}

Conv3DAttributes conv_3d_attributes(const Window& window) {
  return {.padding = window.padding,
          .stride_d = window.stride[0],
          .stride_h = window.stride[1],
          .stride_w = window.stride[2],
          .dilation_d = window.dilation[0],
          .dilation_h = window.dilation[1],
          .dilation_w = window.dilation[2]};
}

}  // namespace smelt::keras
