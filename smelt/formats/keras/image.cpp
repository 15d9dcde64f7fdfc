#include <cmath>

#include "smelt/formats/keras/resampling.h"
#include "smelt/formats/keras/windows.h"

namespace smelt::keras {
namespace {

int32_t product(int32_t a, int32_t b) {
  return static_cast<int32_t>(as_integer(Json(int64_t{a} * b), 1, kMaxSize, "its output"));
}

/// x [N,L,C] -> [N,L*size,C], every step several times.
Results import_up_sampling_1d(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const Shape in = layer.input_shape(3);
  const int32_t size =
      layer.config.sizes_or(layer.config.has("length") ? "length" : "size", {2})[0];
  return without_height(
      graph, resize(graph, OpType::resize_nearest_neighbor, with_height(graph, layer.input()), 1,
                    product(in[1], size), false));
}

Results import_up_sampling_2d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Shape in = layer.input_shape(4);
  const std::vector<int32_t> size = layer.config.sizes_or("size", {2, 2});
  const std::string method = layer.config.string("interpolation", "nearest");
  return in_its_format(given, resized(layer.graph, layer.input(), method, product(in[1], size[0]),
                                      product(in[2], size[1]), false));
}

/// Height and width of every plane, then the depth.
Results import_up_sampling_3d(const Layer& given) {
  const Layer layer = with_channels_last(given);
  GraphWriter& graph = layer.graph;
  const Shape in = layer.input_shape(5);
  const std::vector<int32_t> size = layer.config.sizes_or("size", {2, 2, 2});
  const int32_t d = product(in[1], size[0]), h = product(in[2], size[1]),
                w = product(in[3], size[2]);
  const auto nearest = OpType::resize_nearest_neighbor;
  TensorId y = reshape(graph, layer.input(), {in[2], in[3], in[4]});
  y = resize(graph, nearest, y, h, w, false);
  y = reshape(graph, y, {in[1], product(h, w), in[4]});
  y = resize(graph, nearest, y, d, product(h, w), false);
  return in_its_format(given, reshape(graph, y, {d, h, w, in[4]}));
}

/// The largest box of the wanted proportions in the middle of x, as Keras's smart_resize cuts it.
TensorId cropped_to_aspect(GraphWriter& graph, TensorId x, int32_t h, int32_t w) {
  const Shape in = graph.shape(x);
  const auto bounded = [](float size, int32_t limit) {
    return std::max(std::min(limit, static_cast<int32_t>(std::min(size, 1e9f))), 1);
  };
  const auto size = [](int32_t a, int32_t b, int32_t c) {
    return static_cast<float>(int64_t{a} * b) / static_cast<float>(c);
  };
  const int32_t height = bounded(size(in[2], h, w), in[1]);
  const int32_t width = bounded(size(in[1], w, h), in[2]);
  const int32_t top = (in[1] - height) / 2, left = (in[2] - width) / 2;
  return crop(graph, x,
              {{0, 0}, {top, in[1] - height - top}, {left, in[2] - width - left}, {0, 0}});
}

/// Bars of one value at two sides, so that x gets the wanted proportions.
TensorId padded_to_aspect(GraphWriter& graph, TensorId x, int32_t h, int32_t w, float value) {
  const Shape in = graph.shape(x);
  const auto bar = [](int32_t a, int32_t b, int32_t c, int32_t size) {
    const float whole = std::min(static_cast<float>(int64_t{a} * b) / static_cast<float>(c), 1e6f);
    return std::max(static_cast<int32_t>(whole) - size, 0) / 2;
  };
  const int32_t top = bar(in[2], h, w, in[1]), left = bar(in[1], w, h, in[2]);
  const Sides sides{{0, 0}, {top, top}, {left, left}, {0, 0}};
  if (value == 0) return pad(graph, x, sides);
  return graph.binary(OpType::add, pad(graph, graph.binary(OpType::add, x, -value), sides), value);
}

Results import_resizing(const Layer& given) {
  const Layer layer = with_channels_last(given);
  layer.input_shape(4);
  GraphWriter& graph = layer.graph;
  const int32_t h = layer.config.integer("height"), w = layer.config.integer("width");
  const std::string method = layer.config.string("interpolation", "bilinear");
  TensorId x = layer.input();
  if (layer.config.boolean("crop_to_aspect_ratio", false)) {
    x = cropped_to_aspect(graph, x, h, w);
  } else if (layer.config.boolean("pad_to_aspect_ratio", false)) {
    x = padded_to_aspect(graph, x, h, w, layer.config.number("fill_value", 0));
  }
  return in_its_format(given,
                       resized(graph, x, method, h, w, layer.config.boolean("antialias", false)));
}

/// Images that are too small are enlarged, to the middle of their larger side.
TensorId smart_resize(GraphWriter& graph, TensorId x, int32_t h, int32_t w) {
  return resized(graph, cropped_to_aspect(graph, x, h, w), "bilinear", h, w, false);
}

Results import_center_crop(const Layer& given) {
  const Layer layer = with_channels_last(given);
  const Shape in = layer.input_shape(4);
  const int32_t h = layer.config.integer("height"), w = layer.config.integer("width");
  const int32_t down = in[1] - h, across = in[2] - w;
  if (down < 0 || across < 0) {
    return in_its_format(given, smart_resize(layer.graph, layer.input(), h, w));
  }
  const int32_t top = down / 2, left = across / 2;
  return in_its_format(given, crop(layer.graph, layer.input(),
                                   {{0, 0}, {top, down - top}, {left, across - left}, {0, 0}}));
}

/// At inference Keras 2 resizes what training crops, Keras 3 leaves it as it is.
Results import_random_crop(const Layer& layer) {
  if (layer.keras_version >= 3) return layer.input();
  layer.input_shape(4);
  return smart_resize(layer.graph, layer.input(), layer.config.integer("height"),
                      layer.config.integer("width"));
}

/// One number for all channels or a list.
TensorId per_channel(const Layer& layer, std::string_view key, float fallback) {
  const Json* setting = layer.config.find(key);
  if (setting == nullptr || !setting->is_array()) {
    return layer.graph.scalar(layer.config.number(key, fallback));
  }
  std::vector<float> values;
  for (const Json& json : *setting) {
    if (!json.is_number()) fail(ErrorKind::bad_file, "\"{}\" holds no numbers", key);
    values.push_back(json.get<float>());
  }
  return floats(layer.graph, std::string(key), values, {static_cast<int32_t>(values.size())});
}

Results import_rescaling(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId y = graph.binary(OpType::mul, layer.input(), per_channel(layer, "scale", 1));
  const Json* offset = layer.config.find("offset");
  if (offset == nullptr || *offset == Json(0) || *offset == Json(0.0)) return y;
  return graph.binary(OpType::add, y, per_channel(layer, "offset", 0));
}

/// Augmentation acts in training only.
Results import_identity(const Layer& layer) { return layer.input(); }

constexpr TableRow kRows[] = {
    {"UpSampling1D", import_up_sampling_1d},
    {"UpSampling2D", import_up_sampling_2d},
    {"UpSampling3D", import_up_sampling_3d},
    {"Resizing", import_resizing},
    {"CenterCrop", import_center_crop},
    {"RandomCrop", import_random_crop},
    {"Rescaling", import_rescaling},
    {"AugMix", import_identity},
    {"CutMix", import_identity},
    {"MixUp", import_identity},
    {"RandAugment", import_identity},
    {"RandomBrightness", import_identity},
    {"RandomColorDegeneration", import_identity},
    {"RandomColorJitter", import_identity},
    {"RandomContrast", import_identity},
    {"RandomElasticTransform", import_identity},
    {"RandomErasing", import_identity},
    {"RandomFlip", import_identity},
    {"RandomGaussianBlur", import_identity},
    {"RandomGrayscale", import_identity},
    {"RandomHeight", import_identity},
    {"RandomHue", import_identity},
    {"RandomInvert", import_identity},
    {"RandomPerspective", import_identity},
    {"RandomPosterization", import_identity},
    {"RandomRotation", import_identity},
    {"RandomSaturation", import_identity},
    {"RandomSharpness", import_identity},
    {"RandomShear", import_identity},
    {"RandomTranslation", import_identity},
    {"RandomWidth", import_identity},
    {"RandomZoom", import_identity},
    {"Solarization", import_identity},
};

}  // namespace

std::span<const TableRow> image_layers() { return kRows; }

}  // namespace smelt::keras
