#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/dense.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// Indices as Keras takes them: floats lose their fraction.
TensorId as_indices(GraphWriter& graph, TensorId x) {
  return graph.type(x) == DataType::int64 ? x : cast(graph, x, DataType::int32);
}

TensorId integers(GraphWriter& graph, const std::string& role, DataType type,
                  const std::vector<int64_t>& values) {
  const Shape shape({static_cast<int32_t>(values.size())});
  if (type == DataType::int64) {
    return graph.constant(
        Tensor::constant(fmt::format("{}/{}", graph.origin(), role), shape, values));
  }
  return graph.ints(role, {values.begin(), values.end()}, shape);
}

/// x [...] -> [..., values]: 1 where they are equal. An axis of one cell at the end of x is used
/// up.
TensorId equal_to(GraphWriter& graph, TensorId x, const std::vector<int64_t>& values) {
  std::vector<int32_t> dims = graph.shape(x).dims();
  if (dims.size() < 2 || dims.back() != 1) {
    dims.push_back(1);
    x = reshape(graph, x, {dims.begin() + 1, dims.end()});
  }
  const TensorId same =
      compare(graph, OpType::equal, x, integers(graph, "values", graph.type(x), values));
  return cast(graph, same, DataType::float32);
}

/// Indices in [0, depth) by "output_mode".
TensorId encoded(const Layer& layer, TensorId x, const std::string& mode, int32_t depth) {
  GraphWriter& graph = layer.graph;
  if (mode == "int") return x;
  const bool reduces = mode == "multi_hot" || mode == "count" || mode == "binary";
  if (!reduces && mode != "one_hot") {
    fail(ErrorKind::unsupported, "output_mode \"{}\" is not supported", mode);
  }
  std::vector<int64_t> values(static_cast<size_t>(depth));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i);
  const Shape in = graph.shape(x);
  const TensorId hot = equal_to(graph, x, values);
  if (!reduces || in.rank() < 2 || (in.rank() == 2 && in[1] == 1)) return hot;
  const OpType reduction = mode == "count" ? OpType::sum : OpType::reduce_max;
  return reduce(graph, reduction, hot, {1}, false);
}

Results import_category_encoding(const Layer& layer) {
  constexpr int64_t kMaxTokens = 1 << 20;
  const int32_t depth = layer.config.integer(
      layer.config.has("max_tokens") ? "max_tokens" : "num_tokens", 1, kMaxTokens);
  return encoded(layer, as_indices(layer.graph, layer.input()),
                 layer.config.string("output_mode", "multi_hot"), depth);
}

/// The number of boundaries that lie at or below x.
Results import_discretization(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  BucketizeAttributes attributes;
  for (const Json& json : as_array(layer.config.at("bin_boundaries"), "\"bin_boundaries\"")) {
    if (!json.is_number()) fail(ErrorKind::bad_file, "\"bin_boundaries\" holds no numbers");
    attributes.boundaries.push_back(json.get<float>());
  }
  const auto depth = static_cast<int32_t>(attributes.boundaries.size() + 1);
  const TensorId x = cast(graph, layer.input(), DataType::float32);
  const TensorId bins =
      graph.op(OpType::bucketize, {x}, attributes, graph.shape(x), DataType::int32);
  return encoded(layer, bins, layer.config.string("output_mode", "int"), depth);
}

/// Places of x in a vocabulary, those of padding and of unknown values in front.
Results import_integer_lookup(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const Json* listed = layer.config.find("vocabulary");
  if (listed == nullptr || !listed->is_array()) {
    fail(ErrorKind::unsupported, "its vocabulary is in a file of its own, which is not supported");
  }
  const int32_t unknown = layer.config.integer_or("num_oov_indices", 1, 0);
  if (unknown > 1 || layer.config.boolean("invert", false)) {
    fail(ErrorKind::unsupported, "it hashes unknown values or is inverted, which is not supported");
  }
  const std::string mode = layer.config.string("output_mode", "int");
  const bool masks = layer.config.has("mask_token") && mode == "int";
  std::vector<int64_t> values;
  for (const Json& json : *listed) {
    values.push_back(as_integer(json, INT32_MIN, INT32_MAX, "\"vocabulary\""));
  }
  if (masks)
    values.insert(values.begin(), layer.config.integer("mask_token", INT32_MIN, INT32_MAX));
  constexpr size_t kMaxValues = 1 << 20;
  if (values.empty() || values.size() > kMaxValues) {
    fail(ErrorKind::unsupported, "a vocabulary of {} values is not supported", values.size());
  }
  // Unknown values match nothing: they get the bias alone.
  const float other = unknown == 1 ? (masks ? 1.0f : 0.0f) : -1.0f;
  std::vector<float> places;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool is_mask = masks && i == 0;
    const auto place = static_cast<float>(i + (is_mask ? 0 : static_cast<size_t>(unknown)));
    places.push_back(place - other);
  }
  const Shape in = graph.shape(layer.input());
  const TensorId hot = equal_to(graph, as_indices(graph, layer.input()), values);
  const TensorId place = fully_connected(
      graph, hot, floats(graph, "places", places, {1, static_cast<int32_t>(places.size())}),
      floats(graph, "unknown", {other}, {1}));
  const TensorId index =
      cast(graph, reshape(graph, place, {in.dims().begin() + 1, in.dims().end()}), DataType::int32);
  return encoded(layer, index, mode, static_cast<int32_t>(values.size()) + unknown);
}

constexpr TableRow kRows[] = {
    {.class_name = "CategoryEncoding", .import = import_category_encoding, .any_type = true},
    {.class_name = "Discretization", .import = import_discretization, .any_type = true},
    {.class_name = "IntegerLookup", .import = import_integer_lookup, .any_type = true},
};

}  // namespace

std::span<const TableRow> category_layers() { return kRows; }

}  // namespace smelt::keras
