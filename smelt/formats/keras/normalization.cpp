#include <algorithm>
#include <numeric>

#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// "axis" as Keras writes it, a number or a list, in its order; the last axis where it is absent.
std::vector<int> read_axes(const Layer& layer, int rank) {
  const Json* axis = layer.config.find("axis");
  if (axis == nullptr) return {rank - 1};
  const Json list = axis->is_array() ? *axis : Json::array({*axis});
  std::vector<int> axes;
  for (const Json& json : list) {
    axes.push_back(normalized_axis(as_integer(json, -kMaxSize, kMaxSize, "\"axis\""), rank));
    if (std::count(axes.begin(), axes.end(), axes.back()) > 1) {
      fail(ErrorKind::bad_file, "\"axis\" names axis {} twice", axes.back());
    }
  }
  return axes;
}

float read_epsilon(const Layer& layer, float fallback) {
  const float epsilon = layer.config.number("epsilon", fallback);
  if (epsilon < 0) fail(ErrorKind::bad_file, "\"epsilon\" is negative");
  return epsilon;
}

/// Parameters over some axes of a tensor: their shape in the file, and in the graph, where it
/// broadcasts against the tensor.
struct ParameterShape {
  Shape stored, broadcast;
};

ParameterShape parameter_shape(const Shape& shape, const std::vector<int>& axes) {
  std::vector<int32_t> stored, broadcast;
  for (const int axis : axes) stored.push_back(shape[axis]);
  const int first = axes.empty() ? shape.rank() : *std::min_element(axes.begin(), axes.end());
  for (int i = first; i < shape.rank(); ++i) {
    const bool own = std::find(axes.begin(), axes.end(), i) != axes.end();
    broadcast.push_back(own ? shape[i] : 1);
  }
  return {Shape(std::move(stored)), Shape(std::move(broadcast))};
}

/// The weights of a layer in the order of the file; those that a setting turns off are none.
class Parameters {
 public:
  Parameters(const Layer& layer, ParameterShape shape) : layer_(layer), shape_(std::move(shape)) {}

  TensorId read(std::string_view role) {
    return plain_weight(layer_, {role}, position_++, shape_.stored, shape_.broadcast);
  }
  TensorId read_if(std::string_view setting, std::string_view role) {
    return layer_.config.boolean(setting, true) ? read(role) : TensorId::none;
  }

 private:
  const Layer& layer_;
  ParameterShape shape_;
  size_t position_ = 0;
};

TensorId scaled(GraphWriter& graph, TensorId x, TensorId gamma) {
  return gamma ? graph.binary(OpType::mul, x, gamma) : x;
}
TensorId shifted(GraphWriter& graph, TensorId x, TensorId beta) {
  return beta ? graph.binary(OpType::add, x, beta) : x;
}

/// Over one axis it is an op of training form, else scale and shift by constants.
Results import_batch_normalization(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const Shape shape = graph.shape(x);
  const std::vector<int> axes = read_axes(layer, shape.rank());
  const float epsilon = read_epsilon(layer, 1e-3f);
  if (std::count(axes.begin(), axes.end(), 0) > 0) {
    fail(ErrorKind::unsupported, "normalizing along the batch axis is not supported");
  }
  const bool one_axis = axes.size() == 1;
  ParameterShape sizes = parameter_shape(shape, axes);
  if (one_axis) {
    sizes.broadcast = sizes.stored;
  } else {  // of the input's rank in the file as well
    std::vector<int32_t> dims(static_cast<size_t>(shape.rank()), 1);
    for (const int axis : axes) dims[static_cast<size_t>(axis)] = shape[axis];
    sizes = {Shape(dims), Shape(dims)};
  }
  Parameters parameters(layer, std::move(sizes));
  const TensorId gamma = parameters.read_if("scale", "gamma");
  const TensorId beta = parameters.read_if("center", "beta");
  const TensorId mean = parameters.read("moving_mean");
  const TensorId variance = parameters.read("moving_variance");
  if (!one_axis) {
    const TensorId scale = scaled(graph, inverse_root(graph, variance, epsilon), gamma);
    const TensorId centered = graph.binary(OpType::sub, x, mean);
    return shifted(graph, graph.binary(OpType::mul, centered, scale), beta);
  }
  const BatchNormalizationAttributes attributes{.epsilon = epsilon,
                                                .momentum = layer.config.number("momentum", 0.99f),
                                                .axis = axes[0] == shape.rank() - 1 ? -1 : axes[0]};
  return graph.op(OpType::batch_normalization, {x, gamma, beta, mean, variance}, attributes, shape);
}

/// x - mean(x) over the axes.
TensorId centered(GraphWriter& graph, TensorId x, const std::vector<int32_t>& axes) {
  return graph.binary(OpType::sub, x, reduce(graph, OpType::mean, x, axes, true));
}

/// 1 / sqrt(mean(x^2) + epsilon) over the axes.
TensorId inverse_norm(GraphWriter& graph, TensorId x, const std::vector<int32_t>& axes,
                      float epsilon) {
  const TensorId squares = graph.unary(OpType::square, x);
  return inverse_root(graph, reduce(graph, OpType::mean, squares, axes, true), epsilon);
}

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta, every sample by itself. "rms_scaling"
/// keeps the mean in x and has no beta.
Results import_layer_normalization(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const std::vector<int> axes = read_axes(layer, graph.shape(x).rank());
  const float epsilon = read_epsilon(layer, 1e-3f);
  const bool rms = layer.config.boolean("rms_scaling", false);
  Parameters parameters(layer, parameter_shape(graph.shape(x), axes));
  const TensorId gamma = rms ? parameters.read("gamma") : parameters.read_if("scale", "gamma");
  const TensorId beta = rms ? TensorId::none : parameters.read_if("center", "beta");
  const std::vector<int32_t> over(axes.begin(), axes.end());
  const TensorId difference = centered(graph, x, over);
  const TensorId inverse = inverse_norm(graph, difference, over, epsilon);
  const TensorId y = graph.binary(OpType::mul, rms ? x : difference, inverse);
  return shifted(graph, scaled(graph, y, gamma), beta);
}

Results import_rms_normalization(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const std::vector<int> axes = read_axes(layer, graph.shape(x).rank());
  // Keras multiplies by the scale as it is stored, whatever the axes.
  const Shape stored = parameter_shape(graph.shape(x), axes).stored;
  Parameters parameters(layer, {stored, stored});
  const TensorId scale = parameters.read("scale");
  const TensorId inverse = inverse_norm(graph, x, std::vector<int32_t>(axes.begin(), axes.end()),
                                        read_epsilon(layer, 1e-6f));
  return scaled(graph, graph.binary(OpType::mul, x, inverse), scale);
}

/// Channels in groups, each normalized together with all other axes but the batch. `groups` -1:
/// every channel by itself.
Results import_group_normalization(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const Shape shape = graph.shape(x);
  const std::vector<int> axes = read_axes(layer, shape.rank());
  if (axes.size() != 1 || axes[0] == 0) fail(ErrorKind::bad_file, "\"axis\" is malformed");
  const int axis = axes[0];
  int32_t groups = layer.config.integer_or("groups", 32, -1);
  if (groups == -1) groups = shape[axis];
  if (groups < 1 || shape[axis] % groups != 0) {
    fail(ErrorKind::bad_file, "{} groups do not divide {} channels", groups, shape[axis]);
  }
  Parameters parameters(layer, parameter_shape(shape, axes));
  const TensorId gamma = parameters.read_if("scale", "gamma");
  const TensorId beta = parameters.read_if("center", "beta");
  const auto before = static_cast<int32_t>(shape.elements(1, axis));
  const auto behind = static_cast<int32_t>(shape.elements(axis, shape.rank()) / groups);
  const TensorId grouped = reshape(graph, x, {before, groups, behind});
  const TensorId difference = centered(graph, grouped, {1, 3});
  const TensorId inverse = inverse_norm(graph, difference, {1, 3}, read_epsilon(layer, 1e-3f));
  const TensorId y = reshape(graph, graph.binary(OpType::mul, difference, inverse),
                             {shape.dims().begin() + 1, shape.dims().end()});
  return shifted(graph, scaled(graph, y, gamma), beta);
}

/// x / max(norm(x), 1e-6); L2_NORMALIZATION knows the last axis only.
Results import_unit_normalization(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const int rank = graph.shape(x).rank();
  const std::vector<int> axes = read_axes(layer, rank);
  if (axes == std::vector<int>{rank - 1}) return graph.unary(OpType::l2_normalization, x);
  const TensorId squares = graph.unary(OpType::square, x);
  const TensorId sum =
      reduce(graph, OpType::sum, squares, std::vector<int32_t>(axes.begin(), axes.end()), true);
  const TensorId bounded = graph.binary(OpType::maximum, sum, 1e-12f);
  return graph.binary(OpType::mul, x, graph.unary(OpType::rsqrt, bounded));
}

/// Values of nested lists, and the lengths of these.
void flatten(const Json& json, std::vector<float>& values, std::vector<int32_t>& dims,
             size_t depth = 0) {
  constexpr size_t kMaxDepth = 8;
  if (!json.is_array()) {
    if (!json.is_number()) fail(ErrorKind::bad_file, "\"mean\" or \"variance\" is no number");
    values.push_back(json.get<float>());
    return;
  }
  if (depth >= kMaxDepth) fail(ErrorKind::bad_file, "\"mean\" or \"variance\" nests too deeply");
  if (dims.size() == depth) dims.push_back(static_cast<int32_t>(json.size()));
  if (dims[depth] != static_cast<int32_t>(json.size())) {
    fail(ErrorKind::bad_file, "\"mean\" or \"variance\" is ragged");
  }
  for (const Json& element : json) flatten(element, values, dims, depth + 1);
}

/// "mean" or "variance" as the settings give it; its axes are the last of the kept ones.
TensorId given_statistic(const Layer& layer, std::string_view key, const Shape& broadcast,
                         const std::vector<int>& axes) {
  std::vector<float> values;
  std::vector<int32_t> dims;
  flatten(layer.config.at(key), values, dims);
  const int rank = broadcast.rank();
  const bool same_rank = static_cast<int>(dims.size()) > static_cast<int>(axes.size());
  if (!same_rank && !dims.empty()) {  // one size per kept axis, counted from the last
    std::vector<int32_t> placed(static_cast<size_t>(rank), 1);
    const int first = layer.graph.shape(layer.input()).rank() - rank;
    for (size_t i = 1; i <= dims.size(); ++i) {
      placed[static_cast<size_t>(axes[axes.size() - i] - first)] = dims[dims.size() - i];
    }
    dims = placed;
  }
  return floats(layer.graph, std::string(key), values, Shape(dims));
}

/// (x - mean) / max(sqrt(variance), 1e-7), or back with "invert"; statistics per place on the axes,
/// by default the last one, without axes one for all.
Results import_normalization(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  std::vector<int> axes;
  if (layer.config.has("axis")) axes = read_axes(layer, graph.shape(x).rank());
  std::sort(axes.begin(), axes.end());
  const ParameterShape sizes = parameter_shape(graph.shape(x), axes);
  const bool given = layer.config.has("mean");
  Parameters parameters(layer, sizes);
  const TensorId mean =
      given ? given_statistic(layer, "mean", sizes.broadcast, axes) : parameters.read("mean");
  const TensorId variance = given ? given_statistic(layer, "variance", sizes.broadcast, axes)
                                  : parameters.read("variance");
  const TensorId deviation =
      graph.binary(OpType::maximum, graph.unary(OpType::sqrt, variance), 1e-7f);
  if (layer.config.boolean("invert", false)) {
    return graph.binary(OpType::add, graph.binary(OpType::mul, x, deviation), mean);
  }
  return graph.binary(OpType::div, graph.binary(OpType::sub, x, mean), deviation);
}

constexpr TableRow kRows[] = {
    {"BatchNormalization", import_batch_normalization},
    {"BatchNormalizationV1", import_batch_normalization},
    {"SyncBatchNormalization", import_batch_normalization},
    {"LayerNormalization", import_layer_normalization},
    {"RMSNormalization", import_rms_normalization},
    {"GroupNormalization", import_group_normalization},
    {"UnitNormalization", import_unit_normalization},
    {"Normalization", import_normalization},
};

}  // namespace

std::span<const TableRow> normalization_layers() { return kRows; }

}  // namespace smelt::keras
