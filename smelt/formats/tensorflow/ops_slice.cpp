#include <algorithm>
#include <limits>

#include "smelt/formats/tensorflow/node.h"

// Parts of tensors, and tensors of parts.

namespace smelt::tensorflow {
namespace {

int axis_of(const Node& node, size_t operand, int rank) {
  return normalized_axis(node.integer(operand, "the axis"), rank);
}

int32_t small(int64_t value) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(std::clamp(value, -kMax, kMax));
}

/// One axis of x under a strided slice whose masks are resolved.
struct AxisSlice {
  int32_t begin = 0, end = 0, stride = 1;
  bool from_start = true, to_end = true;  ///< begin, end do not count
  bool shrink = false;
};

/// What the masks of StridedSlice mean for each axis of x, and where axes of size 1 come in.
struct SliceSpec {
  std::vector<AxisSlice> axes;
  std::vector<bool> result_is_new;  ///< for every axis of the result
};

SliceSpec read_slices(const Node& node, int rank) {
  const std::vector<int64_t> begin = node.integers(1, "the begin");
  const std::vector<int64_t> end = node.integers(2, "the end");
  const std::vector<int64_t> stride = node.integers(3, "the stride");
  const auto bit = [&](const std::string& mask, size_t i) {
    return (node.attributes.integer(mask, 0) >> i & 1) != 0;
  };
  const size_t entries = begin.size();
  if (end.size() != entries || stride.size() != entries || entries > 32) {
    fail(ErrorKind::bad_file, "begin, end and strides differ in length");
  }
  int spoken = 0;  // axes of x that entries speak of
  for (size_t i = 0; i < entries; ++i) {
    if (!bit("ellipsis_mask", i) && !bit("new_axis_mask", i)) ++spoken;
  }
  if (spoken > rank) fail(ErrorKind::bad_file, "it slices {} axes of {}", spoken, rank);
  SliceSpec spec;
  bool rest_done = false;
  const auto take_rest = [&] {
    for (int i = spoken; i < rank; ++i) {
      spec.axes.push_back({});
      spec.result_is_new.push_back(false);
    }
    rest_done = true;
  };
  for (size_t i = 0; i < entries; ++i) {
    if (bit("ellipsis_mask", i)) {
      if (!rest_done) take_rest();
    } else if (bit("new_axis_mask", i)) {
      spec.result_is_new.push_back(true);
    } else {
      if (stride[i] == 0) fail(ErrorKind::bad_file, "a stride is 0");
      const bool shrink = bit("shrink_axis_mask", i);
      spec.axes.push_back({.begin = small(begin[i]),
                           .end = small(end[i]),
                           .stride = small(stride[i]),
                           .from_start = !shrink && bit("begin_mask", i),
                           .to_end = !shrink && bit("end_mask", i),
                           .shrink = shrink});
      if (!shrink) spec.result_is_new.push_back(false);
    }
  }
  if (!rest_done) take_rest();
  return spec;
}

/// The whole axis, whatever its size.
bool keeps_all(const AxisSlice& axis, int32_t size) {
  const bool start = axis.from_start || axis.begin == 0;
  return !axis.shrink && axis.stride == 1 && start && (axis.to_end || axis.end >= size);
}

TensorId slice(const Node& node, TensorId x, const SliceSpec& spec) {
  Builder& graph = node.graph;
  std::vector<int32_t> begin, end, stride;
  StridedSliceAttributes attributes;
  bool identity = true;
  for (size_t i = 0; i < spec.axes.size(); ++i) {
    const AxisSlice& axis = spec.axes[i];
    const int position = static_cast<int>(i);
    const bool all = keeps_all(axis, graph.shape(x)[position]);
    identity = identity && all;
    begin.push_back(axis.from_start || all ? 0 : axis.begin);
    end.push_back(all ? 0 : axis.to_end ? 0 : axis.end);
    if (axis.shrink) end.back() = axis.begin == -1 ? 0 : axis.begin + 1;
    stride.push_back(axis.stride);
    const int32_t bit = int32_t{1} << i;
    if (axis.from_start || all) attributes.begin_mask |= bit;
    if (axis.to_end || all || (axis.shrink && axis.begin == -1)) attributes.end_mask |= bit;
    if (axis.shrink) attributes.shrink_axis_mask |= bit;
  }
  if (identity) return x;
  return graph.op(OpType::strided_slice,
                  {x, graph.ints(begin), graph.ints(end), graph.ints(stride)}, attributes);
}

/// Begin and end that the model computes: TFLite's op with the masks as they are.
Values dynamic_slice(const Node& node) {
  const auto mask = [&](const std::string& name) {
    return static_cast<int32_t>(node.attributes.integer(name, 0));
  };
  const StridedSliceAttributes attributes{.begin_mask = mask("begin_mask"),
                                          .end_mask = mask("end_mask"),
                                          .ellipsis_mask = mask("ellipsis_mask"),
                                          .new_axis_mask = mask("new_axis_mask"),
                                          .shrink_axis_mask = mask("shrink_axis_mask")};
  return {node.graph.op(OpType::strided_slice,
                        {node.input(0), node.as_int32(1), node.as_int32(2), node.as_int32(3)},
                        attributes)};
}

/// x[i] for an index that the model computes.
bool picks_one(const Node& node) {
  const auto shrink = node.attributes.integer("shrink_axis_mask", 0);
  return shrink == 1 && node.shape(1).elements() == 1 && !node.graph.is_constant(node.input(1));
}

Values import_strided_slice(const Node& node) {
  Builder& graph = node.graph;
  if (picks_one(node)) {
    const TensorId index = graph.reshape(node.as_int32(1), std::vector<int32_t>{});
    return {graph.op(OpType::gather, {node.input(0), index}, GatherAttributes{})};
  }
  for (size_t i = 1; i < 4; ++i) {
    if (!graph.is_constant(node.input(i))) return dynamic_slice(node);
  }
  const SliceSpec spec = read_slices(node, node.rank(0));
  const TensorId y = slice(node, node.input(0), spec);
  if (std::none_of(spec.result_is_new.begin(), spec.result_is_new.end(),
                   [](bool b) { return b; })) {
    return {y};
  }
  std::vector<int64_t> dims, probe;
  int axis = 0;
  for (const bool is_new : spec.result_is_new) {
    dims.push_back(is_new ? 1 : graph.shape(y)[axis]);
    probe.push_back(is_new ? 1 : graph.probe(y).shape[axis]);
    axis += is_new ? 0 : 1;
  }
  return {graph.reshape(y, dims, probe)};
}

Values import_slice(const Node& node) {
  Builder& graph = node.graph;
  const TensorId x = node.input(0);
  const auto begin = graph.values(node.input(1));
  const auto size = graph.values(node.input(2));
  if (!begin || !size) {
    return {graph.op(OpType::slice, {x, node.as_int32(1), node.as_int32(2)})};
  }
  if (begin->size() != size->size() || static_cast<int>(begin->size()) != graph.rank(x)) {
    fail(ErrorKind::bad_file, "begin and size do not fit the input");
  }
  std::vector<int32_t> starts, sizes;
  bool identity = true;
  for (size_t i = 0; i < begin->size(); ++i) {
    const bool all =
        (*begin)[i] == 0 && ((*size)[i] == -1 || (*size)[i] == graph.shape(x)[static_cast<int>(i)]);
    identity = identity && all;
    starts.push_back(small((*begin)[i]));
    sizes.push_back(all ? -1 : small((*size)[i]));
  }
  if (identity) return {x};
  return {graph.op(OpType::slice, {x, graph.ints(starts), graph.ints(sizes)})};
}

std::vector<DataType> same_types(const Node& node, size_t operand, int64_t count) {
  constexpr int64_t kMaxParts = 10'000;
  if (count < 1 || count > kMaxParts) fail(ErrorKind::bad_file, "it makes {} parts", count);
  return std::vector<DataType>(static_cast<size_t>(count), node.type(operand));
}

Values to_values(const std::vector<TensorId>& ids) { return {ids.begin(), ids.end()}; }

Values import_split(const Node& node) {
  const int64_t count = node.attributes.integer("num_split", 0);
  const std::vector<DataType> types = same_types(node, 1, count);
  if (count == 1) return {node.input(1)};
  const TensorId axis = node.graph.integer(axis_of(node, 0, node.rank(1)));
  return to_values(node.graph.ops(OpType::split, {axis, node.input(1)},
                                  SplitAttributes{.count = static_cast<int32_t>(count)}, types));
}

Values import_split_v(const Node& node) {
  Builder& graph = node.graph;
  const int64_t count = node.attributes.integer("num_split", 0);
  const std::vector<DataType> types = same_types(node, 0, count);
  if (count == 1) return {node.input(0)};
  const TensorId sizes = graph.ints(node.ints(1, "the sizes"));
  const TensorId axis = graph.integer(axis_of(node, 2, node.rank(0)));
  return to_values(graph.ops(OpType::split_v, {node.input(0), sizes, axis},
                             SplitAttributes{.count = static_cast<int32_t>(count)}, types));
}

Values import_unpack(const Node& node) {
  const int axis = normalized_axis(node.attributes.integer("axis", 0), node.rank(0));
  const int64_t count = node.attributes.integer("num", node.shape(0)[axis]);
  const UnpackAttributes attributes{.count = static_cast<int32_t>(count), .axis = axis};
  return to_values(
      node.graph.ops(OpType::unpack, {node.input(0)}, attributes, same_types(node, 0, count)));
}

Values import_pack(const Node& node) {
  if (node.count() == 0) fail(ErrorKind::bad_file, "it has no operands");
  const int axis = normalized_axis(node.attributes.integer("axis", 0), node.rank(0) + 1);
  const PackAttributes attributes{.count = static_cast<int32_t>(node.count()), .axis = axis};
  return {node.graph.op(OpType::pack, node.tensors(0, node.count()), attributes)};
}

/// Parts without elements, which TensorFlow allows in any shape, are left out.
Values concat(const Node& node, size_t begin, size_t end, size_t axis_operand) {
  if (begin >= end) fail(ErrorKind::bad_file, "it has no operands");
  const int axis = axis_of(node, axis_operand, node.rank(begin));
  std::vector<TensorId> parts;
  for (const TensorId part : node.tensors(begin, end)) {
    if (node.graph.shape(part).elements() > 0) parts.push_back(part);
  }
  if (parts.empty()) return {node.input(begin)};
  return {node.graph.concat(parts, axis)};
}

Values import_concat_v2(const Node& node) {
  if (node.count() < 2) fail(ErrorKind::bad_file, "it has no operands");
  return concat(node, 0, node.count() - 1, node.count() - 1);
}

Values import_concat(const Node& node) { return concat(node, 1, node.count(), 0); }

Values import_gather(const Node& node) {
  const auto batch = static_cast<int32_t>(node.attributes.integer("batch_dims", 0));
  const int rank = node.rank(0);
  const int axis = node.count() > 2 ? axis_of(node, 2, rank) : 0;
  const GatherAttributes attributes{.axis = axis,
                                    .batch_dims = batch < 0 ? batch + node.rank(1) : batch};
  return {node.graph.op(OpType::gather, {node.input(0), node.as_int32(1)}, attributes)};
}

Values import_gather_nd(const Node& node) {
  return {node.graph.op(OpType::gather_nd, {node.input(0), node.as_int32(1)})};
}

Values import_reverse(const Node& node) {
  std::vector<int32_t> axes = node.ints(1, "the axes");
  for (int32_t& axis : axes) axis = normalized_axis(axis, node.rank(0));
  if (axes.empty()) return {node.input(0)};
  // TFLite reverses neighbouring axes at once, or one.
  TensorId x = node.input(0);
  for (const int32_t axis : axes) {
    x = node.graph.op(OpType::reverse_v2, {x, node.graph.ints({axis})});
  }
  return {x};
}

Values import_reverse_sequence(const Node& node) {
  const ReverseSequenceAttributes attributes{
      .seq_axis = static_cast<int32_t>(node.attributes.integer("seq_dim", 0)),
      .batch_axis = static_cast<int32_t>(node.attributes.integer("batch_dim", 0))};
  return {node.graph.op(OpType::reverse_sequence, node.tensors(0, 2), attributes)};
}

/// Cells that leave at one end come in at the other.
Values import_roll(const Node& node) {
  Builder& graph = node.graph;
  const std::vector<int64_t> shifts = node.integers(1, "the shift");
  const std::vector<int64_t> axes = node.integers(2, "the axes");
  if (shifts.size() != axes.size()) fail(ErrorKind::bad_file, "shifts and axes differ in number");
  TensorId x = node.input(0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalized_axis(axes[i], graph.rank(x));
    const int64_t size = std::max<int64_t>(graph.shape(x)[axis], 1);
    const auto cut = static_cast<int32_t>((size - shifts[i] % size) % size);
    if (cut == 0) continue;
    std::vector<int32_t> begin(static_cast<size_t>(graph.rank(x)), 0);
    std::vector<int32_t> count(begin.size(), -1);
    begin[static_cast<size_t>(axis)] = cut;
    const TensorId back = graph.op(OpType::slice, {x, graph.ints(begin), graph.ints(count)});
    begin[static_cast<size_t>(axis)] = 0;
    count[static_cast<size_t>(axis)] = cut;
    const TensorId front = graph.op(OpType::slice, {x, graph.ints(begin), graph.ints(count)});
    x = graph.concat({back, front}, axis);
  }
  return {x};
}

constexpr OpRow kRows[] = {
    {"StridedSlice", import_strided_slice},
    {"Slice", import_slice},
    {"Split", import_split},
    {"SplitV", import_split_v},
    {"Unpack", import_unpack},
    {"Unstack", import_unpack},
    {"Pack", import_pack},
    {"ConcatV2", import_concat_v2},
    {"Concat", import_concat},
    {"Gather", import_gather},
    {"GatherV2", import_gather},
    {"GatherNd", import_gather_nd},
    {"ReverseV2", import_reverse},
    {"ReverseSequence", import_reverse_sequence},
    {"Roll", import_roll},
};

}  // namespace

std::span<const OpRow> slice_ops() { return kRows; }

}  // namespace smelt::tensorflow
