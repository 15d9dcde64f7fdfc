#include "smelt/formats/keras/windows.h"

namespace smelt::keras {
namespace {

/// Cells along an axis, as Keras computes them (conv_utils.deconv_output_length); `size` with its
/// dilation. `extra` is "output_padding".
int32_t spread_size(int32_t in, int32_t size, int32_t stride, std::optional<int32_t> extra,
                    Padding padding) {
  int64_t cells = (int64_t{in} - 1) * stride;
  if (padding == Padding::valid) {
    cells += size + (extra ? *extra : std::max(stride - size, 0));
  } else {
    cells += extra ? size % 2 + *extra : stride;
  }
  return static_cast<int32_t>(as_integer(Json(cells), 1, kMaxSize, "its output"));
}

/// The window without dilation: TRANSPOSE_CONV has none, so that zeros stand between the weights.
std::vector<int32_t> spread_kernel(const Window& window) {
  std::vector<int32_t> size;
  for (size_t i = 0; i < window.size.size(); ++i) {
    const int64_t wide = (int64_t{window.size[i]} - 1) * window.dilation[i] + 1;
    size.push_back(static_cast<int32_t>(as_integer(Json(wide), 1, 1 << 15, "a dilated kernel")));
  }
  return size;
}

/// kernel [k..., O,I] as [K..., O,I], weights standing `dilation` apart, or with the filters in
/// front: [O,K...,I].
std::vector<float> spread_weights(std::span<const float> kernel, const Window& window,
                                  const std::vector<int32_t>& size, int64_t filters, int64_t depth,
                                  bool filters_first) {
  int64_t cells = 1, wide_cells = 1;
  for (const int32_t k : window.size) cells *= k;
  for (const int32_t k : size) wide_cells *= k;
  std::vector<float> wide(static_cast<size_t>(
      as_integer(Json(checked_mul(wide_cells, filters * depth, "a dilated kernel")), 1, kMaxWidened,
                 "a dilated kernel")));
  for (int64_t cell = 0; cell < cells; ++cell) {
    int64_t rest = cell, target = 0, step = 1;
    for (size_t axis = window.size.size(); axis-- > 0;) {
      target += rest % window.size[axis] * window.dilation[axis] * step;
      rest /= window.size[axis];
      step *= size[axis];
    }
    for (int64_t o = 0; o < filters; ++o) {
      const int64_t at = filters_first ? o * wide_cells + target : target * filters + o;
      for (int64_t i = 0; i < depth; ++i) {
        wide[static_cast<size_t>(at * depth + i)] =
            kernel[static_cast<size_t>((cell * filters + o) * depth + i)];
      }
    }
  }
  return wide;
}

struct Transposed {
  Shape out;  ///< [N, ..., filters]
  TensorId kernel;
};

/// `axes` spatial axes; the graph's kernel gets 1 in front of one that is missing.
Transposed prepare(const Layer& layer, const Shape& in, const Window& window, bool filters_first) {
  const size_t axes = window.size.size();
  const int32_t filters = layer.config.integer("filters");
  const int32_t depth = in.back();
  const std::vector<int32_t> size = spread_kernel(window);
  std::vector<std::optional<int32_t>> extra(axes);
  if (layer.config.has("output_padding")) {
    const std::vector<int32_t> given = layer.config.sizes("output_padding", axes, 0);
    extra.assign(given.begin(), given.end());
  }
  std::vector<int32_t> out{in[0]};
  for (size_t i = 0; i < axes; ++i) {
    out.push_back(spread_size(in[static_cast<int>(i) + 1], size[i], window.stride[i], extra[i],
                              window.padding));
  }
  out.push_back(filters);
  std::vector<int32_t> stored = window.size, shape = size;
  stored.insert(stored.end(), {filters, depth});
  if (axes == 1) shape.insert(shape.begin(), 1);
  if (filters_first) {
    shape.insert(shape.begin(), filters);
  } else {
    shape.push_back(filters);
  }
  shape.push_back(depth);
  const TensorId kernel = made_weight(
      layer, {"kernel"}, 0, Shape(stored), Shape(shape), [&](std::span<const float> values) {
        return spread_weights(values, window, size, filters, depth, filters_first);
      });
  return {Shape(std::move(out)), kernel};
}

/// x [N,H,W,C] -> `out` [N,Ho,Wo,filters].
TensorId transpose_conv(const Layer& layer, TensorId x, const Window& window, const Shape& out,
                        TensorId kernel) {
  const TensorId shape = layer.graph.ints("output_shape", out.dims(), {4});
  const TransposeConv2DAttributes attributes{
      .padding = window.padding, .stride_h = window.stride[0], .stride_w = window.stride[1]};
  return layer.graph.op(OpType::transpose_conv,
                        {shape, kernel, x, bias_or_none(layer, 1, out.back())}, attributes, out);
}

Results import_conv1d_transpose(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Window window = read_window(layer, 1);
  const auto [out, kernel] = prepare(layer, layer.input_shape(3), window, true);
  const TensorId x = with_height(layer.graph, layer.input());
  const TensorId y =
      transpose_conv(layer, x, with_height(window), {out[0], 1, out[1], out[2]}, kernel);
  return activated(given, without_height(layer.graph, y));
}

Results import_conv2d_transpose(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Window window = read_window(layer, 2);
  const auto [out, kernel] = prepare(layer, layer.input_shape(4), window, true);
  return activated(given, transpose_conv(layer, layer.input(), window, out, kernel));
}

/// CONV_3D_TRANSPOSE keeps the kernel of the file: [kd,kh,kw,O,I].
Results import_conv3d_transpose(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Window window = read_window(layer, 3);
  const auto [out, kernel] = prepare(layer, layer.input_shape(5), window, false);
  const Conv3DAttributes attributes{.padding = window.padding,
                                    .stride_d = window.stride[0],
                                    .stride_h = window.stride[1],
                                    .stride_w = window.stride[2]};
  const TensorId shape = layer.graph.ints("output_shape", out.dims(), {5});
  const TensorId y = layer.graph.op(
      OpType::conv_3d_transpose, {shape, kernel, layer.input(), bias_or_none(layer, 1, out.back())},
      attributes, out);
  return activated(given, y);
}

constexpr TableRow kRows[] = {
    {"Conv1DTranspose", import_conv1d_transpose},
    {"Conv2DTranspose", import_conv2d_transpose},
    {"Conv3DTranspose", import_conv3d_transpose},
};

}  // namespace

std::span<const TableRow> transposed_convolution_layers() { return kRows; }

}  // namespace smelt::keras
