#include "smelt/quantize/recover/geometry.h"

#include <algorithm>

#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

template <class Attributes>
void set_window(const Attributes& a, const Shape& x, const Shape& w, const Shape& y,
                LayerGeometry& g) {
  g.images = x[0], g.in_h = x[1], g.in_w = x[2], g.channels = x[3];
  g.out_h = y[1], g.out_w = y[2], g.outputs = y[3];
  g.filter_h = w[1], g.filter_w = w[2];
  g.stride_h = a.stride_h, g.stride_w = a.stride_w;
  g.dilation_h = a.dilation_h, g.dilation_w = a.dilation_w;
  g.pad_h = window_padding(x[1], w[1], a.stride_h, a.dilation_h, y[1]);
  g.pad_w = window_padding(x[2], w[2], a.stride_w, a.dilation_w, y[2]);
}

}  // namespace

void LayerGeometry::copy_patch(const float* x, int64_t position, int64_t group,
                               float* patch) const {
  const int64_t image = position / (out_h * out_w);
  const int64_t oy = position / out_w % out_h, ox = position % out_w;
  const int64_t count = group_channels();
  for (int64_t ky = 0; ky < filter_h; ++ky) {
    const int64_t iy = oy * stride_h + ky * dilation_h - pad_h;
    for (int64_t kx = 0; kx < filter_w; ++kx, patch += count) {
      const int64_t ix = ox * stride_w + kx * dilation_w - pad_w;
      if (iy < 0 || iy >= in_h || ix < 0 || ix >= in_w) {
        std::fill_n(patch, count, 0.0f);
      } else {
        const int64_t at = ((image * in_h + iy) * in_w + ix) * channels + group * count;
        std::copy_n(x + at, count, patch);
      }
    }
  }
}

std::optional<LayerGeometry> geometry_of(const Graph& graph, const Op& op) {
  const Tensor* weights = op.inputs.size() > 1 ? graph.constant_input(op, 1) : nullptr;
  if (!weights || weights->type != DataType::float32 || weights->sparsity) return {};
  const Shape& w = weights->shape;
  const Shape& x = graph.tensor(op.inputs[0]).shape;
  const Shape& y = graph.tensor(op.outputs[0]).shape;
  LayerGeometry g;
  if (op.type == OpType::fully_connected) {
    if (op.as<FullyConnectedAttributes>().weights_format != WeightsFormat::plain) return {};
    g.channels = w[1], g.outputs = w[0];
    g.images = g.channels > 0 ? x.elements() / g.channels : 0;
  } else if (op.type == OpType::conv_2d) {
    set_window(op.as<Conv2DAttributes>(), x, w, y, g);
    g.groups = w[3] > 0 ? g.channels / w[3] : 0;
  } else if (op.type == OpType::depthwise_conv_2d) {
    set_window(op.as<DepthwiseConv2DAttributes>(), x, w, y, g);
    g.groups = g.channels;
    g.depthwise = true;
  } else {
    return {};
  }
  const bool sound = g.groups > 0 && g.outputs % g.groups == 0 && g.positions() > 0 &&
                     g.patch_size() * g.outputs == w.elements();
  return sound ? std::optional(g) : std::nullopt;
}

}  // namespace smelt
