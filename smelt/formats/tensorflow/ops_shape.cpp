#include <algorithm>
#include <numeric>

#include "smelt/formats/tensorflow/node.h"

// Shapes: what changes them, and arithmetic that computes them.

namespace smelt::tensorflow {
namespace {

/// A vector of integers of the node's type.
Tensor index_tensor(const Node& node, const std::string& attribute, const Shape& shape,
                    const std::vector<int64_t>& values) {
  if (node.attributes.type(attribute, TfType::int32) == DataType::int64) {
    return Tensor::constant<int64_t>(node.def.name(), shape, values);
  }
  return Tensor::constant<int32_t>(node.def.name(), shape, {values.begin(), values.end()});
}

std::vector<int64_t> sizes(const Shape& shape) {
  return {shape.dims().begin(), shape.dims().end()};
}

Value shape_of(const Node& node, TensorId x) {
  Builder& graph = node.graph;
  const Shape vector{graph.rank(x)};
  return graph.constant(index_tensor(node, "out_type", vector, sizes(graph.shape(x))),
                        index_tensor(node, "out_type", vector, sizes(graph.probe(x).shape)));
}

/// The tensor behind an operand that may be a list of loops too.
Values import_shape(const Node& node) { return {shape_of(node, node.input(0))}; }

Values import_shape_n(const Node& node) {
  Values results;
  for (const TensorId x : node.tensors(0, node.count())) results.push_back(shape_of(node, x));
  return results;
}

Values import_size(const Node& node) {
  Builder& graph = node.graph;
  const TensorId x = node.input(0);
  return {graph.constant(index_tensor(node, "out_type", {}, {graph.shape(x).elements()}),
                         index_tensor(node, "out_type", {}, {graph.probe(x).shape.elements()}))};
}

Values import_rank(const Node& node) { return {node.graph.integer(node.rank(0))}; }

/// RESHAPE(dense(RESHAPE(x, [-1, K])), [..., N]), where the leading axes are those of x again, is a
/// dense layer that keeps them: Keras's tensordot.
std::optional<TensorId> dense_of_any_rank(Builder& graph, TensorId y,
                                          const std::vector<int64_t>& dims) {
  const auto [x, w] = graph.dense_behind_reshape(y);
  if (!x) return std::nullopt;
  const Shape& shape = graph.shape(x);
  if (static_cast<size_t>(shape.rank()) != dims.size() || shape.rank() < 3) return std::nullopt;
  for (int i = 0; i + 1 < shape.rank(); ++i) {
    const int64_t wanted = dims[static_cast<size_t>(i)];
    if (wanted != shape[i] && wanted != -1) return std::nullopt;
  }
  if (dims.back() != graph.shape(w)[0] && dims.back() != -1) return std::nullopt;
  return graph.op(OpType::fully_connected, {x, w}, FullyConnectedAttributes{.keep_num_dims = true});
}

Values import_reshape(const Node& node) {
  Builder& graph = node.graph;
  const std::vector<int64_t> dims = node.integers(1, "the new shape");
  const auto probe = graph.probe_values(node.input(1));
  if (const auto dense = dense_of_any_rank(graph, node.input(0), dims)) return {*dense};
  return {graph.reshape(node.input(0), dims, probe.value_or(dims))};
}

/// [1, n, 1] of x in the shape that a probe with another batch says: RESHAPE.
Values reshape_to(const Node& node, std::vector<int64_t> dims, std::vector<int64_t> probe) {
  return {node.graph.reshape(node.input(0), std::move(dims), probe)};
}

Values import_expand_dims(const Node& node) {
  const int rank = node.rank(0);
  const int axis = normalized_axis(node.integer(1, "the axis"), rank + 1);
  std::vector<int64_t> dims = sizes(node.shape(0));
  std::vector<int64_t> probe = sizes(node.graph.probe(node.input(0)).shape);
  dims.insert(dims.begin() + axis, 1);
  probe.insert(probe.begin() + axis, 1);
  return reshape_to(node, std::move(dims), std::move(probe));
}

Values import_squeeze(const Node& node) {
  std::vector<int32_t> axes = node.attributes.ints("squeeze_dims");
  if (axes.empty()) axes = node.attributes.ints("axis");
  const Shape shape = node.shape(0);
  const Shape wide = node.graph.probe(node.input(0)).shape;
  std::vector<bool> gone(static_cast<size_t>(shape.rank()), false);
  for (const int32_t axis : axes) {
    const int i = normalized_axis(axis, shape.rank());
    if (shape[i] != 1) fail(ErrorKind::bad_file, "squeezes axis {} of {}", axis, to_string(shape));
    gone[static_cast<size_t>(i)] = true;
  }
  std::vector<int64_t> dims;
  std::vector<int64_t> probe;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool drop = axes.empty() ? shape[i] == 1 && wide[i] == 1 : gone[static_cast<size_t>(i)];
    if (drop) continue;
    dims.push_back(shape[i]);
    probe.push_back(wide[i]);
  }
  return reshape_to(node, std::move(dims), std::move(probe));
}

Values import_transpose(const Node& node) {
  std::vector<int32_t> order(static_cast<size_t>(node.rank(0)));
  if (node.count() > 1) {
    order = node.ints(1, "the order of axes");
  } else {
    std::iota(order.rbegin(), order.rend(), 0);
  }
  for (int32_t& axis : order) axis = normalized_axis(axis, node.rank(0));
  return {node.graph.transpose(node.input(0), order)};
}

Values import_fill(const Node& node) {
  node.integers(0, "the shape");
  const TensorId dims = node.as_int32(0);
  return {node.graph.op(OpType::fill, {dims, node.input(1)}, NoAttributes{}, node.type(1))};
}

Values import_ones_like(const Node& node) {
  Builder& graph = node.graph;
  const TensorId x = node.input(0);
  const TensorId zeros = graph.op(OpType::zeros_like, {x});
  return {graph.op(OpType::add, {zeros, graph.cast(graph.scalar(1), graph.type(x))})};
}

Values import_range(const Node& node) {
  for (size_t i = 0; i < 3; ++i) {
    if (!node.graph.is_constant(node.input(i))) node.integers(i, "the range");
  }
  return {node.graph.op(OpType::range, node.tensors(0, 3))};
}

Values import_linspace(const Node& node) {
  const float start = node.number(0, "the start");
  const float stop = node.number(1, "the end");
  const int64_t count = node.integer(2, "the number of values");
  if (count < 1 || count > 1'000'000) fail(ErrorKind::bad_file, "it has {} values", count);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const double part = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    values.push_back(static_cast<float>(start + (stop - start) * part));
  }
  return {node.graph.constant(
      Tensor::constant(node.def.name(), {static_cast<int32_t>(count)}, values))};
}

/// The same where nothing grows, so that the batch stays open.
Values import_broadcast_to(const Node& node) {
  const std::vector<int64_t> dims = node.integers(1, "the shape");
  if (dims == sizes(node.shape(0))) return {node.input(0)};
  return {node.graph.op(OpType::broadcast_to, {node.input(0), node.as_int32(1)})};
}

Values import_broadcast_args(const Node& node) {
  return {node.graph.op(OpType::broadcast_args, node.tensors(0, 2))};
}

Values import_tile(const Node& node) {
  const std::vector<int64_t> times = node.integers(1, "the repetitions");
  if (std::all_of(times.begin(), times.end(), [](int64_t n) { return n == 1; }) &&
      static_cast<int>(times.size()) == node.rank(0)) {
    return {node.input(0)};
  }
  return {node.graph.op(OpType::tile, {node.input(0), node.as_int32(1)})};
}

Values import_invert_permutation(const Node& node) {
  const std::vector<int64_t> order = node.integers(0, "the order");
  std::vector<int32_t> inverse(order.size(), -1);
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] < 0 || static_cast<size_t>(order[i]) >= order.size()) {
      fail(ErrorKind::bad_file, "it is no permutation");
    }
    inverse[static_cast<size_t>(order[i])] = static_cast<int32_t>(i);
  }
  return {node.graph.ints(inverse)};
}

Values import_pad(const Node& node) {
  return {node.graph.op(OpType::pad, {node.input(0), node.as_int32(1)})};
}

Values import_pad_v2(const Node& node) {
  return {node.graph.op(OpType::padv2, {node.input(0), node.as_int32(1), node.input(2)})};
}

Values import_mirror_pad(const Node& node) {
  const MirrorPadAttributes attributes{.symmetric =
                                           node.attributes.text("mode", "REFLECT") == "SYMMETRIC"};
  return {node.graph.op(OpType::mirror_pad, {node.input(0), node.as_int32(1)}, attributes)};
}

constexpr OpRow kRows[] = {
    {"Shape", import_shape},
    {"ShapeN", import_shape_n},
    {"Size", import_size},
    {"Rank", import_rank},
    {"Reshape", import_reshape},
    {"ExpandDims", import_expand_dims},
    {"Squeeze", import_squeeze},
    {"Transpose", import_transpose},
    {"Fill", import_fill},
    {"OnesLike", import_ones_like},
    {"Range", import_range},
    {"LinSpace", import_linspace},
    {"BroadcastTo", import_broadcast_to},
    {"BroadcastArgs", import_broadcast_args},
    {"Tile", import_tile},
    {"InvertPermutation", import_invert_permutation},
    {"Pad", import_pad},
    {"PadV2", import_pad_v2},
    {"MirrorPad", import_mirror_pad},
};

}  // namespace

std::span<const OpRow> shape_ops() { return kRows; }

}  // namespace smelt::tensorflow
