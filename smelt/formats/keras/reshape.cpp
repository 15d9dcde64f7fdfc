#include "smelt/formats/keras/windows.h"

namespace smelt::keras {
namespace {

/// Of "channels_first" the channels are turned to the end, as Keras does it.
Results import_flatten(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Shape& shape = layer.graph.shape(layer.input());
  const int64_t size = shape.elements(1, shape.rank());
  return reshape(layer.graph, layer.input(),
                 {static_cast<int32_t>(as_integer(Json(size), 1, kMaxSize, "its size"))});
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
  return reshape(layer.graph, layer.input(), sample);
}

/// "dims" count from 1, the batch standing in front of them.
Results import_permute(const Layer& layer) {
  const int rank = layer.graph.shape(layer.input()).rank();
  std::vector<int32_t> order{0};
  for (const Json& json : as_array(layer.config.at("dims"), "\"dims\"")) {
    order.push_back(static_cast<int32_t>(as_integer(json, 1, rank - 1, "\"dims\"")));
  }
  std::vector<int32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i < static_cast<int>(sorted.size()); ++i) {
    if (static_cast<int>(sorted.size()) != rank || sorted[static_cast<size_t>(i)] != i) {
      fail(ErrorKind::bad_file, "\"dims\" is no order of its input's axes");
    }
  }
  return transpose(layer.graph, layer.input(), order);
}

/// x [N,C] -> [N,n,C], by the broadcasting of a product with ones.
Results import_repeat_vector(const Layer& layer) {
  const int32_t channels = layer.input_shape(2)[1];
  constexpr int32_t kMaxRepeats = 1 << 20;
  const int32_t count = layer.config.integer("n", 1, kMaxRepeats);
  const TensorId row = reshape(layer.graph, layer.input(), {1, channels});
  if (count == 1) return row;
  const std::vector<float> ones(static_cast<size_t>(count), 1.0f);
  return layer.graph.binary(OpType::mul, row, floats(layer.graph, "ones", ones, {1, count, 1}));
}

/// Amounts in front of and behind each of `count` axes: nested lists, one number per axis or one
/// for all; for a single axis also (front, back).
Sides read_sides(const Layer& layer, std::string_view key, size_t count) {
  const Json& setting = layer.config.at(key);
  const auto amount = [&](const Json& json) {
    return static_cast<int32_t>(as_integer(json, 0, kMaxSize / 4, fmt::format("\"{}\"", key)));
  };
  const auto pair = [&](const Json& json) -> std::array<int32_t, 2> {
    if (!json.is_array()) return {amount(json), amount(json)};
    if (json.size() != 2) fail(ErrorKind::bad_file, "\"{}\" is malformed", key);
    return {amount(json[0]), amount(json[1])};
  };
  if (!setting.is_array()) return Sides(count, pair(setting));
  if (count == 1 && setting.size() == 2) return {pair(setting)};
  if (setting.size() != count) fail(ErrorKind::bad_file, "\"{}\" is malformed", key);
  Sides sides;
  for (const Json& json : setting) sides.push_back(pair(json));
  return sides;
}

/// The sides of all axes of the layer's input, spatial ones being set.
Sides spatial_sides(const Layer& layer, std::string_view key, size_t count) {
  layer.input_shape(static_cast<int>(count) + 2);
  Sides sides = read_sides(layer, key, count);
  const bool first = channels_first(layer);
  sides.insert(sides.begin(), first ? 2 : 1, {0, 0});
  if (!first) sides.push_back({0, 0});
  return sides;
}

template <size_t kAxes>
Results import_zero_padding(const Layer& layer) {
  return pad(layer.graph, layer.input(), spatial_sides(layer, "padding", kAxes));
}

template <size_t kAxes>
Results import_cropping(const Layer& layer) {
  return crop(layer.graph, layer.input(), spatial_sides(layer, "cropping", kAxes));
}

constexpr TableRow kRows[] = {
    {"Flatten", import_flatten},
    {"Reshape", import_reshape},
    {"Permute", import_permute},
    {"RepeatVector", import_repeat_vector},
    {"ZeroPadding1D", import_zero_padding<1>},
    {"ZeroPadding2D", import_zero_padding<2>},
    {"ZeroPadding3D", import_zero_padding<3>},
    {"Cropping1D", import_cropping<1>},
    {"Cropping2D", import_cropping<2>},
    {"Cropping3D", import_cropping<3>},
};

}  // namespace

std::span<const TableRow> shape_layers() { return kRows; }

}  // namespace smelt::keras
