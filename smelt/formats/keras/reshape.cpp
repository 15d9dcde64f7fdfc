#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// `sample` without the batch axis, which stays open.
TensorId reshape(const Layer& layer, const std::vector<int32_t>& sample) {
  std::vector<int32_t> target{Shape::kUnknown};
  target.insert(target.end(), sample.begin(), sample.end());
  Shape shape(target);
  shape[0] = 1;
  const TensorId operand = layer.graph.ints("shape", target, {static_cast<int32_t>(target.size())});
  return layer.graph.op(OpType::reshape, {layer.input(), operand},
                        ReshapeAttributes{.new_shape = target}, shape);
}

Results import_flatten(const Layer& layer) {
  require_channels_last(layer);
  const Shape& shape = layer.graph.shape(layer.input());
  const int64_t size = shape.elements(1, shape.rank());
  return reshape(layer, {static_cast<int32_t>(as_integer(Json(size), 1, kMaxSize, "its size"))});
}

/// One axis of the target may be -1.
Results import_reshape(const Layer& layer) {
  const Shape& in = layer.graph.shape(layer.input());
  std::vector<int32_t> sample;
  int64_t known = 1;
  int open = -1;
  for (const Json& json : as_array(layer.config.at("target_shape"), "\"target_shape\"")) {
    const auto dim =
        static_cast<int32_t>(as_integer(json, -1, kMaxSize, "an axis of \"target_shape\""));
    if (dim == -1 && open >= 0) fail(ErrorKind::bad_file, "\"target_shape\" has two open axes");
    if (dim == -1) open = static_cast<int>(sample.size());
    if (dim != -1) known = checked_mul(known, dim, "size of \"target_shape\"");
    sample.push_back(dim);
  }
  const int64_t total = in.elements(1, in.rank());
  if (open >= 0 && known > 0 && total % known == 0) {
    sample[static_cast<size_t>(open)] =
        static_cast<int32_t>(as_integer(Json(total / known), 1, kMaxSize, "an axis"));
    known = total;
  }
  if (known != total) {
    fail(ErrorKind::bad_file, "its input {} cannot take its \"target_shape\"", to_string(in));
  }
  return reshape(layer, sample);
}

/// ((top, bottom), (left, right)), (rows, columns) or one number for all.
std::array<std::array<int32_t, 2>, 2> read_sides(const Layer& layer) {
  const Json& padding = layer.config.at("padding");
  if (!padding.is_array() || padding.size() != 2 || !padding[0].is_array()) {
    const auto both = layer.config.pair("padding", 0);
    return {{{both[0], both[0]}, {both[1], both[1]}}};
  }
  std::array<std::array<int32_t, 2>, 2> sides{};
  for (size_t axis = 0; axis < 2; ++axis) {
    const Json::array_t& pair = as_array(padding[axis], "\"padding\"");
    if (pair.size() != 2) fail(ErrorKind::bad_file, "\"padding\" is malformed");
    for (size_t side = 0; side < 2; ++side) {
      sides[axis][side] =
          static_cast<int32_t>(as_integer(pair[side], 0, kMaxSize / 4, "\"padding\""));
    }
  }
  return sides;
}

Results import_zero_padding(const Layer& layer) {
  require_channels_last(layer);
  const Shape in = layer.input_shape(4);
  const auto sides = read_sides(layer);
  Shape out = in;
  for (int axis = 0; axis < 2; ++axis) {
    const auto& [before, after] = sides[static_cast<size_t>(axis)];
    const int64_t size = int64_t{in[axis + 1]} + before + after;
    out[axis + 1] = static_cast<int32_t>(as_integer(Json(size), 1, kMaxSize, "its output"));
  }
  const TensorId amounts = layer.graph.ints(
      "paddings", {0, 0, sides[0][0], sides[0][1], sides[1][0], sides[1][1], 0, 0}, {4, 2});
  return layer.graph.op(OpType::pad, {layer.input(), amounts}, NoAttributes{}, out);
}

constexpr TableRow kRows[] = {
    {"Flatten", import_flatten},
    {"Reshape", import_reshape},
    {"ZeroPadding2D", import_zero_padding},
};

}  // namespace

std::span<const TableRow> shape_layers() { return kRows; }

}  // namespace smelt::keras
