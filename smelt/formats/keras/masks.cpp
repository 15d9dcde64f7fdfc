#include "smelt/formats/keras/masks.h"

#include <algorithm>

namespace smelt::keras {
namespace {

/// Layers with supports_masking and no compute_mask of their own, in both versions.
constexpr std::string_view kPassing[] = {"Activation",
                                         "ActivityRegularization",
                                         "AlphaDropout",
                                         "BatchNormalization",
                                         "Dense",
                                         "Dropout",
                                         "ELU",
                                         "GaussianDropout",
                                         "GaussianNoise",
                                         "GroupNormalization",
                                         "LayerNormalization",
                                         "LeakyReLU",
                                         "MultiHeadAttention",
                                         "PReLU",
                                         "ReLU",
                                         "Softmax",
                                         "SpatialDropout1D",
                                         "SpatialDropout2D",
                                         "SpatialDropout3D",
                                         "SyncBatchNormalization",
                                         "ThresholdedReLU",
                                         "TimeDistributed",
                                         "UnitNormalization"};
constexpr std::string_view kPassingInKeras3[] = {"Identity", "Normalization", "Rescaling",
                                                 "GroupedQueryAttention", "GroupQueryAttention"};
constexpr std::string_view kMerging[] = {"Add",     "Average",  "Maximum",
                                         "Minimum", "Multiply", "Subtract"};

bool lists(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

TensorId logical(GraphWriter& graph, OpType type, TensorId x, TensorId y) {
  return graph.op(type, {x, y}, NoAttributes{}, broadcast(graph.shape(x), graph.shape(y)),
                  DataType::boolean);
}

/// Keras 3: a step that any input keeps, where all have masks. Keras 2: one that all masks keep.
TensorId merged_mask(const Layer& layer) {
  const bool any = layer.keras_version >= 3;
  TensorId result;
  for (const TensorId mask : layer.masks) {
    if (!mask && any) return TensorId::none;
    if (!mask) continue;
    const OpType type = any ? OpType::logical_or : OpType::logical_and;
    result = result && result != mask ? logical(layer.graph, type, result, mask) : mask;
  }
  return result;
}

/// Ones where an input has no mask.
TensorId or_ones(const Layer& layer, size_t i) {
  if (layer.masks[i]) return layer.masks[i];
  const Shape& x = layer.graph.shape(layer.inputs[i]);
  const Shape steps{x[0], x[1]};
  Tensor ones{.name = layer.graph.origin() + "/ones", .type = DataType::boolean, .shape = steps};
  const auto count = static_cast<size_t>(steps.elements());
  ones.data = Buffer::make(count, [](std::span<uint8_t> out) { std::ranges::fill(out, 1); });
  ones.is_constant = true;
  return layer.graph.constant(std::move(ones));
}

/// Along the steps masks are joined like the inputs; along features they are merged, inputs without
/// one counting as kept.
TensorId concatenated_mask(const Layer& layer) {
  const bool any = std::ranges::any_of(layer.masks, [](TensorId mask) { return bool(mask); });
  if (!any || layer.masks.size() != layer.inputs.size()) return TensorId::none;
  const int rank = layer.graph.shape(layer.inputs[0]).rank();
  const Json* setting = layer.config.find("axis");
  const int64_t wanted = setting ? as_integer(*setting, -kMaxSize, kMaxSize, "\"axis\"") : -1;
  const int axis = normalized_axis(wanted, rank);
  if (axis != 1 || rank < 3) return merged_mask(layer);
  std::vector<TensorId> parts;
  Shape shape{layer.graph.shape(layer.inputs[0])[0], 0};
  for (size_t i = 0; i < layer.inputs.size(); ++i) {
    parts.push_back(or_ones(layer, i));
    shape[1] += layer.graph.shape(layer.inputs[i])[1];
  }
  return layer.graph.op(OpType::concatenation, std::move(parts), ConcatenationAttributes{.axis = 1},
                        shape, DataType::boolean);
}

TensorId embedding_mask(const Layer& layer) {
  if (!layer.config.boolean("mask_zero", false)) return TensorId::none;
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const DataType type = graph.type(x);
  TensorId zero = graph.scalar(0);
  if (type == DataType::int32) zero = graph.ints("zero", {0}, {});
  if (type == DataType::int64) {
    zero = graph.constant(Tensor::constant<int64_t>(graph.origin() + "/zero", {}, {0}));
  }
  return graph.op(OpType::not_equal, {x, zero}, NoAttributes{}, graph.shape(x), DataType::boolean);
}

}  // namespace

TensorId computed_mask(const Layer& layer, const Results& results) {
  if (layer.class_name == "Embedding") return embedding_mask(layer);
  const bool any = std::ranges::any_of(layer.masks, [](TensorId mask) { return bool(mask); });
  if (!any || results.values.empty()) return TensorId::none;
  if (lists(kMerging, layer.class_name)) return merged_mask(layer);
  if (layer.class_name == "Concatenate") return concatenated_mask(layer);
  const bool passes = lists(kPassing, layer.class_name) ||
                      (layer.keras_version >= 3 && lists(kPassingInKeras3, layer.class_name));
  return passes ? layer.mask() : TensorId::none;
}

TensorId masked_mean(const Layer& layer, TensorId x, TensorId mask, bool keep_dims) {
  GraphWriter& graph = layer.graph;
  const Shape in = graph.shape(x);
  const Shape column{in[0], in[1], 1};
  const CastAttributes cast{.in_type = graph.type(mask), .out_type = DataType::float32};
  const TensorId numbers = graph.op(OpType::cast, {mask}, cast, graph.shape(mask));
  const TensorId axis = graph.ints("axis", {2}, {});
  const TensorId weights = graph.op(OpType::expand_dims, {numbers, axis}, NoAttributes{}, column);
  const auto sum = [&](TensorId of) {
    Shape shape{in[0], graph.shape(of)[2]};
    if (keep_dims) shape = {in[0], 1, graph.shape(of)[2]};
    return graph.op(OpType::sum, {of, graph.ints("steps", {1}, {1})},
                    ReduceAttributes{.keep_dims = keep_dims}, shape);
  };
  const TensorId total = sum(graph.binary(OpType::mul, x, weights));
  return graph.binary(OpType::div, total, sum(weights));
}

}  // namespace smelt::keras
