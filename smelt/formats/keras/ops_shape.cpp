#include <algorithm>
#include <cstdlib>

#include "smelt/formats/keras/ops.h"

namespace smelt::keras {
namespace {

constexpr OpCall::Names kX{"x",      "a",     "input", "tensor", "input_tensor", "value",
                           "values", "array", "data",  "params", "images",       "inputs"};
constexpr OpCall::Names kAxis{"axis", "dim", "axes", "squeeze_dims", "concat_dim"};

constexpr int32_t kMaxParts = 4096;  ///< of a tensor that is taken apart

int axis_of(const OpCall& call, size_t position, int64_t fallback, int rank) {
  return normalized_axis(call.integer_or(position, kAxis, fallback), rank);
}

/// One axis of the target may be -1.
Results reshape(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  std::vector<int32_t> dims = call.integers(1, {"newshape", "shape"});
  const int64_t total = call.graph().shape(x).elements();
  int64_t known = 1;
  int32_t* open = nullptr;
  for (int32_t& dim : dims) {
    if (dim < -1 || (dim == -1 && open != nullptr)) {
      fail(ErrorKind::bad_file, "its target shape is malformed");
    }
    if (dim == -1) open = &dim;
    if (dim != -1) known = checked_mul(known, dim, "size of its target shape");
  }
  if (open != nullptr && known > 0 && total % known == 0) {
    *open = static_cast<int32_t>(as_integer(Json(total / known), 0, kMaxSize, "an axis"));
    known = total;
  }
  const Shape shape(std::move(dims));
  if (known != total) {
    fail(ErrorKind::bad_file, "{} elements cannot take its target shape", total);
  }
  return call.reshape(x, shape);
}

Results transpose(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const int rank = call.graph().shape(x).rank();
  std::vector<int32_t> order;
  if (call.find(1, {"perm", "axes", "pattern"}) != nullptr) {
    for (const int32_t axis : call.integers(1, {"perm", "axes", "pattern"})) {
      order.push_back(normalized_axis(axis, rank));
    }
  } else {
    for (int axis = rank - 1; axis >= 0; --axis) order.push_back(axis);
  }
  std::vector<int32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i < static_cast<int>(sorted.size()); ++i) {
    if (sorted[static_cast<size_t>(i)] != i) fail(ErrorKind::bad_file, "its axes are no order");
  }
  if (static_cast<int>(order.size()) != rank) fail(ErrorKind::bad_file, "its axes are no order");
  return transposed(call.layer(), x, order);
}

Results swap_axes(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const int rank = call.graph().shape(x).rank();
  std::vector<int32_t> order;
  for (int axis = 0; axis < rank; ++axis) order.push_back(axis);
  const auto axis = [&](size_t position, const char* name) {
    return static_cast<size_t>(normalized_axis(call.integer_or(position, {name}, 0), rank));
  };
  std::swap(order[axis(1, "axis1")], order[axis(2, "axis2")]);
  return transposed(call.layer(), x, order);
}

Results expand_dims(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  std::vector<int32_t> dims = call.graph().shape(x).dims();
  const int axis = axis_of(call, 1, -1, static_cast<int>(dims.size()) + 1);
  dims.insert(dims.begin() + axis, 1);
  return call.reshape(x, Shape(std::move(dims)));
}

Results squeeze(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const Shape shape = call.graph().shape(x);
  std::vector<bool> drop(static_cast<size_t>(shape.rank()));
  if (call.find(1, kAxis) != nullptr) {
    for (const int32_t axis : call.integers(1, kAxis)) {
      drop[static_cast<size_t>(normalized_axis(axis, shape.rank()))] = true;
    }
  } else {
    for (int axis = 1; axis < shape.rank(); ++axis) {
      drop[static_cast<size_t>(axis)] = shape[axis] == 1;
    }
  }
  std::vector<int32_t> dims;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!drop[static_cast<size_t>(axis)]) dims.push_back(shape[axis]);
    if (drop[static_cast<size_t>(axis)] && shape[axis] != 1) {
      fail(ErrorKind::bad_file, "axis {} of {} is not of size 1", axis, to_string(shape));
    }
  }
  return call.reshape(x, Shape(std::move(dims)));
}

Results concatenate(const OpCall& call) {
  const std::vector<TensorId> inputs = call.tensors(0, {"values", "xs", "arrays", "tensors"});
  if (inputs.empty()) fail(ErrorKind::unsupported, "it joins no tensors");
  Shape shape = call.graph().shape(inputs[0]);
  const int axis = axis_of(call, 1, -1, shape.rank());
  int64_t total = 0;
  for (const TensorId input : inputs) {
    Shape other = call.graph().shape(input);
    if (other.rank() != shape.rank()) fail(ErrorKind::bad_file, "its inputs differ in rank");
    total += other[axis];
    other[axis] = shape[axis];
    if (other != shape) fail(ErrorKind::bad_file, "its inputs differ outside of axis {}", axis);
  }
  shape[axis] = static_cast<int32_t>(as_integer(Json(total), 0, kMaxSize, "length of its output"));
  if (inputs.size() == 1) return inputs[0];
  return call.emit(OpType::concatenation, inputs, ConcatenationAttributes{.axis = axis}, shape);
}

Results stack(const OpCall& call) {
  const std::vector<TensorId> inputs = call.tensors(0, {"values", "x", "xs", "arrays"});
  if (inputs.empty()) fail(ErrorKind::unsupported, "it stacks no tensors");
  const Shape shape = call.graph().shape(inputs[0]);
  for (const TensorId input : inputs) {
    if (call.graph().shape(input) != shape) fail(ErrorKind::bad_file, "its inputs differ in shape");
  }
  std::vector<int32_t> dims = shape.dims();
  const int axis = axis_of(call, 1, 0, shape.rank() + 1);
  const auto count = static_cast<int32_t>(inputs.size());
  dims.insert(dims.begin() + axis, count);
  return call.emit(OpType::pack, inputs, PackAttributes{.count = count, .axis = axis},
                   Shape(std::move(dims)));
}

Results unstack(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  std::vector<int32_t> dims = call.graph().shape(x).dims();
  const int axis = axis_of(call, 2, 0, static_cast<int>(dims.size()));
  const int32_t count = dims[static_cast<size_t>(axis)];
  if (count > kMaxParts) fail(ErrorKind::unsupported, "{} parts are too many", count);
  dims.erase(dims.begin() + axis);
  const std::vector<Shape> shapes(static_cast<size_t>(count), Shape(dims));
  const std::vector<DataType> types(shapes.size(), call.graph().type(x));
  return Results(call.graph().results(
      OpType::unpack, {x}, UnpackAttributes{.count = count, .axis = axis}, shapes, types));
}

/// Into so many equal parts, parts of these sizes (TensorFlow), or at these positions (Keras).
Results split(const OpCall& call) {
  const bool node = call.layer().class_name == "raw.Split";  // (axis, value)
  const TensorId x = node ? call.tensor(1, kX) : call.tensor(0, kX);
  const Shape shape = call.graph().shape(x);
  const int axis = axis_of(call, node ? 0 : 2, 0, shape.rank());
  static constexpr OpCall::Names kParts{"num_or_size_splits", "indices_or_sections", "num_split"};
  const size_t at = node ? 2 : 1;
  std::vector<int32_t> sizes = call.integers(at, kParts);
  if (!call.at(at, kParts).is_array()) {
    const int32_t count = sizes[0];
    if (count < 1 || count > kMaxParts || shape[axis] % count != 0) {
      fail(ErrorKind::bad_file, "{} cannot be split into {} parts", to_string(shape), count);
    }
    sizes.assign(static_cast<size_t>(count), shape[axis] / count);
  } else if (call.layer().class_name.starts_with("ops.")) {
    sizes.push_back(shape[axis]);
    for (size_t i = sizes.size() - 1; i > 0; --i) sizes[i] -= sizes[i - 1];
  }
  int64_t total = 0;
  for (const int32_t size : sizes) total += size;
  std::vector<Shape> shapes;
  for (int32_t& size : sizes) {
    if (size == -1) size = static_cast<int32_t>(shape[axis] - total - 1);
    if (size < 1 || size > shape[axis])
      fail(ErrorKind::bad_file, "the sizes of parts are malformed");
    shapes.push_back(shape);
    shapes.back()[axis] = size;
  }
  const std::vector<DataType> types(shapes.size(), call.graph().type(x));
  const TensorId along = call.graph().ints("axis", {axis}, {});
  const auto count = static_cast<int32_t>(sizes.size());
  const bool equal =
      std::all_of(sizes.begin(), sizes.end(), [&](int32_t s) { return s == sizes[0]; });
  if (equal) {
    return Results(call.graph().results(OpType::split, {along, x}, SplitAttributes{.count = count},
                                        shapes, types));
  }
  const TensorId parts = call.graph().ints("sizes", sizes, {count});
  return Results(call.graph().results(OpType::split_v, {x, parts, along},
                                      SplitAttributes{.count = count}, shapes, types));
}

Results pad(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  Shape shape = call.graph().shape(x);
  const std::string mode = [&] {
    const Json* given = call.find(2, {"mode"});
    return given != nullptr && given->is_string() ? given->get<std::string>() : "constant";
  }();
  const Json& given = call.at(1, {"paddings", "pad_width"});
  std::vector<int32_t> sides;
  for (const Json& pair : as_array(given, "\"paddings\"")) {
    for (const Json& side : as_array(pair, "\"paddings\"")) {
      sides.push_back(static_cast<int32_t>(as_integer(side, 0, kMaxSize / 4, "\"paddings\"")));
    }
  }
  if (sides.size() != 2 * static_cast<size_t>(shape.rank())) {
    fail(ErrorKind::bad_file, "\"paddings\" does not fit {}", to_string(shape));
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const auto first = static_cast<size_t>(2 * axis);
    const int64_t size = int64_t{shape[axis]} + sides[first] + sides[first + 1];
    shape[axis] = static_cast<int32_t>(as_integer(Json(size), 0, kMaxSize, "its output"));
  }
  const TensorId amounts = call.graph().ints("paddings", sides, {shape.rank(), 2});
  if (mode != "constant" && mode != "CONSTANT") {
    const bool symmetric = mode == "symmetric" || mode == "SYMMETRIC";
    if (!symmetric && mode != "reflect" && mode != "REFLECT") {
      fail(ErrorKind::unsupported, "padding mode \"{}\" is not supported", mode);
    }
    return call.emit(OpType::mirror_pad, {x, amounts}, MirrorPadAttributes{.symmetric = symmetric},
                     shape);
  }
  if (call.number_or(3, {"constant_values"}, 0) == 0) {
    return call.emit(OpType::pad, {x, amounts}, NoAttributes{}, shape);
  }
  const TensorId value = call.tensor(3, {"constant_values"}, x);
  return call.emit(OpType::padv2, {x, amounts, value}, NoAttributes{}, shape);
}

/// One entry of x[...] for every axis that it reads or makes.
struct Index {
  enum Kind { slice, number, new_axis, ellipsis } kind = slice;
  std::optional<int32_t> begin, end;
  int32_t step = 1;
};

Index read_index(const Json& entry) {
  const auto bound = [](const Json* value) -> std::optional<int32_t> {
    if (value == nullptr || value->is_null()) return std::nullopt;
    return static_cast<int32_t>(as_integer(*value, -kMaxSize, kMaxSize, "a bound of a slice"));
  };
  if (entry.is_null()) return {.kind = Index::new_axis};
  if (entry.is_number()) return {.kind = Index::number, .begin = bound(&entry)};
  if (entry.is_string() && entry == "...") return {.kind = Index::ellipsis};
  const Config fields(entry);
  const std::string class_name = fields.string("class_name", "");
  if (class_name == "__ellipsis__") return {.kind = Index::ellipsis};
  const Config range = class_name == "__slice__" ? Config(fields.at("config")) : fields;
  if (!entry.is_object() || entry.contains("$tensor")) {
    fail(ErrorKind::unsupported, "an index that is a tensor is not supported");
  }
  Index index{.begin = bound(range.find("start")), .end = bound(range.find("stop"))};
  index.step = bound(range.find("step")).value_or(1);
  if (index.step == 0) fail(ErrorKind::bad_file, "a slice has step 0");
  return index;
}

/// Operands of a STRIDED_SLICE, axis by axis, and the shape behind it.
struct Slicing {
  std::vector<int32_t> begin, end, step, sliced;
  std::vector<int32_t> dims;  ///< without axes that a number picks from, with new ones
  int32_t end_mask = 0;
  bool takes_part = false;  ///< not all of the tensor
};

void add_axis(const Index& index, int32_t size, Slicing& slicing) {
  if (size < 1) fail(ErrorKind::unsupported, "slices of empty tensors are not supported");
  const bool number = index.kind == Index::number;
  const bool forward = index.step > 0;
  const int32_t low = forward ? 0 : -1, high = forward ? size : size - 1;
  const auto clamp = [&](int32_t at) { return std::clamp(at < 0 ? at + size : at, low, high); };
  const int32_t from = index.begin ? clamp(*index.begin) : forward ? 0 : size - 1;
  int32_t to = index.end ? clamp(*index.end) : forward ? size : -1;
  if (number) to = from + 1;
  const int64_t stride = std::abs(int64_t{index.step});
  const int64_t distance = forward ? to - from : from - to;
  const int64_t count = distance <= 0 ? 0 : (distance + stride - 1) / stride;
  if (count < 1 || from >= size) fail(ErrorKind::unsupported, "it takes nothing of {}", size);
  const bool to_end = to == (forward ? size : -1);
  if (to_end) slicing.end_mask |= 1 << slicing.begin.size();
  // Positions from the end stay such, as the axis may be open.
  const auto kept = [&](std::optional<int32_t> given, int32_t at) {
    return given && *given < 0 && *given + size >= 0 ? *given : at;
  };
  slicing.begin.push_back(kept(index.begin, from));
  slicing.end.push_back(to_end ? 0 : number ? to : kept(index.end, to));
  slicing.step.push_back(index.step);
  slicing.sliced.push_back(static_cast<int32_t>(count));
  if (!number) slicing.dims.push_back(static_cast<int32_t>(count));
  slicing.takes_part = slicing.takes_part || count != size || index.step != 1;
}

Slicing read_slicing(const OpCall& call, const Shape& in) {
  const Json* key = call.find(1, {"slice_spec", "key"});
  std::vector<Index> indices;
  if (key == nullptr || !key->is_array()) {
    indices.push_back(read_index(key == nullptr ? Json() : *key));
  } else {
    for (const Json& entry : *key) indices.push_back(read_index(entry));
  }
  int used = 0, ellipses = 0;
  for (const Index& index : indices) {
    used += index.kind == Index::slice || index.kind == Index::number;
    ellipses += index.kind == Index::ellipsis;
  }
  if (used > in.rank() || ellipses > 1) {
    fail(ErrorKind::bad_file, "its indices do not fit {}", to_string(in));
  }
  if (ellipses == 0) indices.push_back({.kind = Index::ellipsis});
  Slicing slicing;
  for (const Index& index : indices) {
    if (index.kind == Index::new_axis) {
      slicing.dims.push_back(1);
      continue;
    }
    const int count = index.kind == Index::ellipsis ? in.rank() - used : 1;
    for (int i = 0; i < count; ++i) {
      add_axis(index, in[static_cast<int>(slicing.begin.size())], slicing);
    }
  }
  return slicing;
}

/// x[i, a:b:c, ..., None]: a STRIDED_SLICE where it takes a part, then a RESHAPE.
Results get_item(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const Shape in = call.graph().shape(x);
  const Slicing slicing = read_slicing(call, in);
  TensorId y = x;
  if (slicing.takes_part) {
    GraphWriter& graph = call.graph();
    const TensorId begin = graph.ints("begin", slicing.begin, {in.rank()});
    const TensorId end = graph.ints("end", slicing.end, {in.rank()});
    const TensorId step = graph.ints("strides", slicing.step, {in.rank()});
    y = call.emit(OpType::strided_slice, {x, begin, end, step},
                  StridedSliceAttributes{.end_mask = slicing.end_mask}, Shape(slicing.sliced));
  }
  return slicing.dims == slicing.sliced ? y : call.reshape(y, Shape(slicing.dims));
}

Results tile(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  std::vector<int32_t> times = call.integers(1, {"multiples", "repeats", "n"});
  Shape shape = call.graph().shape(x);
  if (static_cast<int>(times.size()) != shape.rank()) {
    fail(ErrorKind::unsupported, "its repeats do not fit {}", to_string(shape));
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t size = int64_t{shape[axis]} * times[static_cast<size_t>(axis)];
    shape[axis] = static_cast<int32_t>(as_integer(Json(size), 1, kMaxSize, "its output"));
  }
  const TensorId operand = call.graph().ints("multiples", times, {shape.rank()});
  return call.emit(OpType::tile, {x, operand}, NoAttributes{}, shape);
}

Results flip(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const Shape shape = call.graph().shape(x);
  const std::vector<int32_t> axes = call.integers(1, {"axis", "axes"});
  if (axes.size() != 1)
    fail(ErrorKind::unsupported, "reversing {} axes is not supported", axes.size());
  const TensorId operand = call.graph().ints("axis", {normalized_axis(axes[0], shape.rank())}, {1});
  return call.emit(OpType::reverse_v2, {x, operand}, NoAttributes{}, shape);
}

Results broadcast_to(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  std::vector<int32_t> target = call.integers(1, {"shape"});
  if (!target.empty() && target[0] < 0) target[0] = 1;
  const Shape shape = broadcast(call.graph().shape(x), Shape(target));
  const TensorId operand = call.graph().ints("shape", shape.dims(), {shape.rank()});
  return call.emit(OpType::broadcast_to, {x, operand}, NoAttributes{}, shape);
}

Results gather(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  TensorId indices = call.has_tensor(1, {"indices"}) ? call.tensor(1, {"indices"}) : TensorId::none;
  const Shape in = call.graph().shape(x);
  const int axis = axis_of(call, call.layer().class_name.starts_with("ops.") ? 2 : 3, 0, in.rank());
  if (indices) {
    indices = call.as_type(indices, DataType::int32);
  } else {
    const std::vector<int32_t> values = call.integers(1, {"indices"});
    const bool scalar = !call.at(1, {"indices"}).is_array();
    indices = call.graph().ints("indices", values,
                                scalar ? Shape{} : Shape{static_cast<int32_t>(values.size())});
    for (const int32_t value : values) {
      if (value < 0 || value >= in[axis])
        fail(ErrorKind::bad_file, "index {} is out of range", value);
    }
  }
  std::vector<int32_t> dims(in.dims().begin(), in.dims().begin() + axis);
  const std::vector<int32_t>& taken = call.graph().shape(indices).dims();
  dims.insert(dims.end(), taken.begin(), taken.end());
  dims.insert(dims.end(), in.dims().begin() + axis + 1, in.dims().end());
  return call.emit(OpType::gather, {x, indices}, GatherAttributes{.axis = axis},
                   Shape(std::move(dims)));
}

/// tf.image.resize: bilinear or nearest, with centres at half pixels.
Results resize(const OpCall& call) {
  const TensorId x = call.as_type(call.tensor(0, kX), DataType::float32);
  Shape shape = call.graph().shape(x);
  const std::vector<int32_t> size = call.integers(1, {"size"});
  if (shape.rank() != 4 || size.size() != 2 || size[0] < 1 || size[1] < 1) {
    fail(ErrorKind::bad_file, "its size is malformed");
  }
  const Json* method = call.find(2, {"method", "interpolation"});
  const bool bilinear = method == nullptr || *method == "bilinear";
  if (!bilinear && *method != "nearest") {
    fail(ErrorKind::unsupported, "resizing by \"{}\" is not supported", method->dump());
  }
  shape[1] = size[0];
  shape[2] = size[1];
  const TensorId operand = call.graph().ints("size", size, {2});
  return call.emit(bilinear ? OpType::resize_bilinear : OpType::resize_nearest_neighbor,
                   {x, operand}, ResizeAttributes{.half_pixel_centers = true}, shape);
}

template <OpType kType>
Results blocks(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  Shape shape = call.graph().shape(x);
  const auto size = static_cast<int32_t>(call.integer_or(1, {"block_size"}, 0));
  if (shape.rank() != 4 || size < 1 || size > 4096)
    fail(ErrorKind::bad_file, "its block is malformed");
  const bool to_depth = kType == OpType::space_to_depth;
  const int32_t area = size * size;
  if (to_depth ? shape[1] % size != 0 || shape[2] % size != 0 : shape[3] % area != 0) {
    fail(ErrorKind::bad_file, "blocks of {} do not divide {}", size, to_string(shape));
  }
  const auto scaled = [&](int axis, int32_t factor, bool up) {
    const int64_t result = up ? int64_t{shape[axis]} * factor : shape[axis] / factor;
    shape[axis] = static_cast<int32_t>(as_integer(Json(result), 1, kMaxSize, "its output"));
  };
  scaled(1, size, !to_depth);
  scaled(2, size, !to_depth);
  scaled(3, area, to_depth);
  return call.emit(kType, {x}, BlockSizeAttributes{.block_size = size}, shape);
}

constexpr OpRow kRows[] = {
    {"broadcast_to", broadcast_to},
    {"concatenate", concatenate},
    {"depth_to_space", blocks<OpType::depth_to_space>},
    {"expand_dims", expand_dims},
    {"flip", flip},
    {"gather", gather},
    {"get_item", get_item},
    {"pad", pad},
    {"reshape", reshape},
    {"resize", resize},
    {"space_to_depth", blocks<OpType::space_to_depth>},
    {"split", split},
    {"split_v", split},
    {"squeeze", squeeze},
    {"stack", stack},
    {"swapaxes", swap_axes},
    {"tile", tile},
    {"transpose", transpose},
    {"unstack", unstack},
};

}  // namespace

std::span<const OpRow> shape_ops() { return kRows; }

}  // namespace smelt::keras
