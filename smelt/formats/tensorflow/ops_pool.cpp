#include <limits>

#include "smelt/formats/tensorflow/node.h"

// Pools, resizing and blocks of space.

namespace smelt::tensorflow {
namespace {

struct Window {
  std::vector<int32_t> size;
  std::vector<int32_t> stride;
  Padding padding = Padding::valid;
};

/// Of `count` spatial axes; batch and channels are never pooled.
Window read_window(const Node& node, size_t count) {
  std::vector<int32_t> size = node.attributes.ints("ksize");
  std::vector<int32_t> stride = node.attributes.ints("strides");
  if (node.count() >= 3) {
    size = node.ints(1, "the window");
    stride = node.ints(2, "the stride");
  }
  if (size.size() != count + 2 || stride.size() != count + 2) {
    fail(ErrorKind::bad_file, "its window has {} axes", size.size());
  }
  const size_t channel = node.channels_first() ? 1 : count + 1;
  if (size[0] != 1 || size[channel] != 1) {
    fail(ErrorKind::unsupported, "pools over the batch or the channels are not supported");
  }
  const long first = node.channels_first() ? 2 : 1;
  Window window{
      .size = {size.begin() + first, size.begin() + first + static_cast<long>(count)},
      .stride = {stride.begin() + first, stride.begin() + first + static_cast<long>(count)}};
  const std::string padding = node.attributes.text("padding", "");
  if (padding == "SAME") window.padding = Padding::same;
  for (size_t i = 0; i < count; ++i) {
    if (window.size[i] < 1 || window.stride[i] < 1)
      fail(ErrorKind::bad_file, "its window is empty");
  }
  return window;
}

Pool2DAttributes attributes_of(const Window& window, size_t h, size_t w) {
  return {.padding = window.padding,
          .stride_h = window.stride[h],
          .stride_w = window.stride[w],
          .filter_h = window.size[h],
          .filter_w = window.size[w]};
}

template <OpType kType>
Values import_pool(const Node& node) {
  if (node.rank(0) != 4)
    fail(ErrorKind::bad_file, "its input has shape {}", to_string(node.shape(0)));
  const Window window = read_window(node, 2);
  TensorId x = node.input(0);
  if (node.attributes.text("padding", "") == "EXPLICIT") {
    const std::vector<int32_t> sides = node.attributes.ints("explicit_paddings");
    if (sides.size() != 8)
      fail(ErrorKind::bad_file, "explicit_paddings has {} values", sides.size());
    Tensor table = Tensor::constant<int32_t>("paddings", {4, 2}, sides);
    x = node.graph.op(OpType::padv2, {x, node.graph.constant(std::move(table)),
                                      node.graph.scalar(std::numeric_limits<float>::lowest())});
  }
  if (node.channels_first()) x = channels_last(node.graph, x);
  x = node.graph.op(kType, {x}, attributes_of(window, 0, 1));
  return {node.channels_first() ? channels_first(node.graph, x) : x};
}

/// Height and width first, then depth: cells of a box are counted along its axes.
template <OpType kType>
Values import_pool_3d(const Node& node) {
  if (node.rank(0) != 5)
    fail(ErrorKind::bad_file, "its input has shape {}", to_string(node.shape(0)));
  Builder& graph = node.graph;
  const Window window = read_window(node, 3);
  TensorId x = node.channels_first() ? channels_last(graph, node.input(0)) : node.input(0);
  const Shape in = graph.shape(x);
  const TensorId planes = graph.reshape(x, {-1, in[2], in[3], in[4]});
  const TensorId pooled = graph.op(kType, {planes}, attributes_of(window, 1, 2));
  const Shape mid = graph.shape(pooled);
  const int32_t area = static_cast<int32_t>(checked_mul(mid[1], mid[2], "size of a plane"));
  Window deep = window;
  deep.size = {window.size[0], 1};
  deep.stride = {window.stride[0], 1};
  const TensorId column = graph.reshape(pooled, {-1, in[1], area, in[4]});
  const TensorId y = graph.op(kType, {column}, attributes_of(deep, 0, 1));
  x = graph.reshape(y, {-1, graph.shape(y)[1], mid[1], mid[2], in[4]});
  return {node.channels_first() ? channels_first(graph, x) : x};
}

template <OpType kType>
Values import_resize(const Node& node) {
  const std::vector<int32_t> size = node.ints(1, "the new size");
  if (size.size() != 2) fail(ErrorKind::bad_file, "the new size has {} values", size.size());
  const ResizeAttributes attributes{
      .align_corners = node.attributes.flag("align_corners", false),
      .half_pixel_centers = node.attributes.flag("half_pixel_centers", false)};
  const TensorId x = kType == OpType::resize_bilinear
                         ? node.graph.cast(node.input(0), DataType::float32)
                         : node.input(0);
  return {node.graph.op(kType, {x, node.graph.ints(size)}, attributes)};
}

template <OpType kType>
Values import_blocks(const Node& node) {
  const BlockSizeAttributes attributes{
      .block_size = static_cast<int32_t>(node.attributes.integer("block_size", 0))};
  TensorId x = node.input(0);
  if (attributes.block_size < 1) fail(ErrorKind::bad_file, "its block size is not positive");
  if (!node.channels_first()) return {node.graph.op(kType, {x}, attributes)};
  if (node.attributes.text("data_format", "") != "NCHW") {
    fail(ErrorKind::unsupported, "its data_format is not supported");
  }
  x = node.graph.op(kType, {channels_last(node.graph, x)}, attributes);
  return {channels_first(node.graph, x)};
}

Values import_space_to_batch(const Node& node) {
  return {node.graph.op(OpType::space_to_batch_nd,
                        {node.input(0), node.as_int32(1), node.as_int32(2)})};
}

Values import_batch_to_space(const Node& node) {
  return {node.graph.op(OpType::batch_to_space_nd,
                        {node.input(0), node.as_int32(1), node.as_int32(2)})};
}

constexpr OpRow kRows[] = {
    {"AvgPool", import_pool<OpType::average_pool_2d>},
    {"MaxPool", import_pool<OpType::max_pool_2d>},
    {"MaxPoolV2", import_pool<OpType::max_pool_2d>},
    {"AvgPool3D", import_pool_3d<OpType::average_pool_2d>},
    {"MaxPool3D", import_pool_3d<OpType::max_pool_2d>},
    {"ResizeBilinear", import_resize<OpType::resize_bilinear>},
    {"ResizeNearestNeighbor", import_resize<OpType::resize_nearest_neighbor>},
    {"SpaceToDepth", import_blocks<OpType::space_to_depth>},
    {"DepthToSpace", import_blocks<OpType::depth_to_space>},
    {"SpaceToBatchND", import_space_to_batch},
    {"BatchToSpaceND", import_batch_to_space},
};

}  // namespace

std::span<const OpRow> pool_ops() { return kRows; }

}  // namespace smelt::tensorflow
