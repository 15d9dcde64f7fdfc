#include <numeric>

#include "smelt/formats/keras/masks.h"
#include "smelt/formats/keras/windows.h"

namespace smelt::keras {
namespace {

Window read_pool(const Layer& layer, size_t axes) {
  Window window{
      .size = layer.config.sizes_or(layer.config.has("pool_length") ? "pool_length" : "pool_size",
                                    std::vector<int32_t>(axes, 2)),
      .dilation = std::vector<int32_t>(axes, 1)};
  window.stride =
      layer.config.sizes_or(layer.config.has("stride") ? "stride" : "strides", window.size);
  window.padding = read_padding(layer);
  window.causal = false;
  return window;
}

/// x [N,H,W,C] -> [N,Ho,Wo,C]. Cells of the padding count in no window, in Keras as in TFLite.
TensorId pool_2d(GraphWriter& graph, OpType type, TensorId x, const Window& window) {
  const Shape in = graph.shape(x);
  const Pool2DAttributes attributes{.padding = window.padding,
                                    .stride_h = window.stride[0],
                                    .stride_w = window.stride[1],
                                    .filter_h = window.size[0],
                                    .filter_w = window.size[1]};
  return graph.op(type, {x}, attributes, window_output(in, window, in[3]));
}

/// The part of a window that lies on two axes; the others are of size 1.
Window part_of(const Window& window, size_t first, size_t count) {
  Window part = window;
  for (auto* values : {&part.size, &part.stride, &part.dilation}) {
    values->assign(values->begin() + static_cast<ptrdiff_t>(first),
                   values->begin() + static_cast<ptrdiff_t>(first + count));
    values->resize(2, 1);
  }
  return part;
}

/// x [N,D,H,W,C]: over height and width of every plane, then over the depth. A mean of means is one
/// of all cells because each of the windows, cut at the borders as they may be, is a full box.
TensorId pool_3d(GraphWriter& graph, OpType type, TensorId x, const Window& window) {
  const Shape in = graph.shape(x);
  const Shape out = window_output(in, window, in[4]);
  const TensorId planes = reshape(graph, x, {in[2], in[3], in[4]});
  const TensorId pooled = pool_2d(graph, type, planes, part_of(window, 1, 2));
  const TensorId depths = reshape(
      graph, pooled,
      {in[1],
       static_cast<int32_t>(as_integer(Json(int64_t{out[2]} * out[3]), 1, kMaxSize, "its output")),
       in[4]});
  return reshape(graph, pool_2d(graph, type, depths, part_of(window, 0, 1)),
                 {out[1], out[2], out[3], out[4]});
}

template <OpType kType, int kAxes>
Results import_pooling(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(kAxes + 2);
  GraphWriter& graph = layer.graph;
  const Window window = read_pool(layer, kAxes);
  TensorId y;
  if constexpr (kAxes == 1) {
    y = without_height(
        graph, pool_2d(graph, kType, with_height(graph, layer.input()), with_height(window)));
  } else if constexpr (kAxes == 2) {
    y = pool_2d(graph, kType, layer.input(), window);
  } else {
    y = pool_3d(graph, kType, layer.input(), window);
  }
  return in_its_format(given, y);
}

/// x [N,...,C] -> [N,C], or with keepdims [N,1,...,C]; the axes of "channels_first" likewise.
template <OpType kType, int kAxes>
Results import_global_pooling(const Layer& layer) {
  layer.input_shape(kAxes + 2);
  std::vector<int32_t> axes(kAxes);
  std::iota(axes.begin(), axes.end(), channels_first(layer) ? 2 : 1);
  return reduce(layer.graph, kType, layer.input(), axes, layer.config.boolean("keepdims", false));
}

/// The mean over the steps that a mask keeps.
Results import_global_average_1d(const Layer& layer) {
  if (!layer.mask()) return import_global_pooling<OpType::mean, 1>(layer);
  layer.input_shape(3);
  const bool keep = layer.config.boolean("keepdims", false);
  const TensorId x = channels_first(layer) ? to_channels_last(layer, layer.input()) : layer.input();
  const TensorId y = masked_mean(layer, x, layer.mask(), keep);
  return channels_first(layer) ? from_channels_last(layer, y) : y;
}

/// One axis in `count` windows that cover it, the i-th being [i*n/count, ceil((i+1)*n/count)).
TensorId adaptive_axis(GraphWriter& graph, OpType reduction, TensorId x, int axis, int32_t count) {
  const int64_t size = graph.shape(x)[axis];
  std::vector<TensorId> parts;
  for (int64_t i = 0; i < count; ++i) {
    const auto begin = static_cast<int32_t>(i * size / count);
    const auto end = static_cast<int32_t>(((i + 1) * size + count - 1) / count);
    const TensorId window = slice(graph, x, axis, begin, end);
    parts.push_back(end - begin == 1 ? window : reduce(graph, reduction, window, {axis}, true));
  }
  return concatenate(graph, parts, axis);
}

/// Windows of one size where they divide the axes, else every axis by itself.
template <OpType kPool, OpType kReduction, int kAxes>
Results import_adaptive_pooling(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Shape in = layer.input_shape(kAxes + 2);
  GraphWriter& graph = layer.graph;
  const std::vector<int32_t> count = layer.config.sizes("output_size", kAxes);
  constexpr int32_t kMaxWindows = 1024;
  TensorId y = layer.input();
  Window window{.padding = Padding::valid, .causal = false};
  bool even = true;
  for (int i = 0; i < kAxes; ++i) {
    const int32_t wanted = count[static_cast<size_t>(i)];
    if (wanted > kMaxWindows) {
      fail(ErrorKind::unsupported, "an \"output_size\" of {} is not supported", wanted);
    }
    even = even && in[i + 1] % wanted == 0;
    window.size.push_back(std::max(in[i + 1] / wanted, 1));
  }
  window.stride = window.size;
  window.dilation.assign(kAxes, 1);
  if (even && kAxes == 2) {
    y = pool_2d(graph, kPool, y, window);
  } else if (even && kAxes == 3) {
    y = pool_3d(graph, kPool, y, window);
  } else if (even) {
    y = without_height(graph, pool_2d(graph, kPool, with_height(graph, y), with_height(window)));
  } else {
    for (int i = 0; i < kAxes; ++i) {
      y = adaptive_axis(graph, kReduction, y, i + 1, count[static_cast<size_t>(i)]);
    }
  }
  return in_its_format(given, y);
}

constexpr auto kMax = OpType::max_pool_2d;
constexpr auto kAverage = OpType::average_pool_2d;
constexpr auto kReduceMax = OpType::reduce_max;
constexpr auto kMean = OpType::mean;

constexpr TableRow kRows[] = {
    {"MaxPooling1D", import_pooling<kMax, 1>},
    {"MaxPooling2D", import_pooling<kMax, 2>},
    {"MaxPooling3D", import_pooling<kMax, 3>},
    {"AveragePooling1D", import_pooling<kAverage, 1>},
    {"AveragePooling2D", import_pooling<kAverage, 2>},
    {"AveragePooling3D", import_pooling<kAverage, 3>},
    {"GlobalMaxPooling1D", import_global_pooling<kReduceMax, 1>},
    {"GlobalMaxPooling2D", import_global_pooling<kReduceMax, 2>},
    {"GlobalMaxPooling3D", import_global_pooling<kReduceMax, 3>},
    {"GlobalAveragePooling1D", import_global_average_1d},
    {"GlobalAveragePooling2D", import_global_pooling<kMean, 2>},
    {"GlobalAveragePooling3D", import_global_pooling<kMean, 3>},
    {"AdaptiveMaxPooling1D", import_adaptive_pooling<kMax, kReduceMax, 1>},
    {"AdaptiveMaxPooling2D", import_adaptive_pooling<kMax, kReduceMax, 2>},
    {"AdaptiveMaxPooling3D", import_adaptive_pooling<kMax, kReduceMax, 3>},
    {"AdaptiveAveragePooling1D", import_adaptive_pooling<kAverage, kMean, 1>},
    {"AdaptiveAveragePooling2D", import_adaptive_pooling<kAverage, kMean, 2>},
    {"AdaptiveAveragePooling3D", import_adaptive_pooling<kAverage, kMean, 3>},
};

}  // namespace

std::span<const TableRow> pooling_layers() { return kRows; }

}  // namespace smelt::keras
