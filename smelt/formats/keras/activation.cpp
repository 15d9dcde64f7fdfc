#include <algorithm>
#include <numeric>

#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

using Activate = TensorId (*)(const Layer& layer, TensorId x);

template <OpType kType>
TensorId one_op(const Layer& layer, TensorId x) {
  return layer.graph.unary(kType, x);
}

TensorId linear(const Layer&, TensorId x) { return x; }

TensorId leaky(const Layer& layer, TensorId x, float slope) {
  const Shape shape = layer.graph.shape(x);
  return layer.graph.op(OpType::leaky_relu, {x}, LeakyReluAttributes{.alpha = slope}, shape);
}

/// x > 0 ? x : alpha * (exp(x) - 1): of elu(x), which keeps its sign, the negative part is scaled.
TensorId scaled_elu(const Layer& layer, TensorId x, float alpha) {
  const TensorId y = layer.graph.unary(OpType::elu, x);
  return alpha == 1 ? y : leaky(layer, y, alpha);
}

TensorId selu(const Layer& layer, TensorId x) {
  constexpr float kAlpha = 1.6732632423543772f;
  constexpr float kScale = 1.0507009873554805f;
  return layer.graph.binary(OpType::mul, scaled_elu(layer, x, kAlpha), kScale);
}

TensorId last_softmax(const Layer& layer, TensorId x) { return softmax(layer.graph, x); }

/// Keras 2: clip(0.2 x + 0.5, 0, 1). Keras 3: relu6(x + 3) / 6. Both as the latter.
TensorId hard_sigmoid(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  if (layer.keras_version < 3) x = graph.binary(OpType::mul, x, 1.2f);
  const TensorId shifted = graph.unary(OpType::relu6, graph.binary(OpType::add, x, 3));
  return graph.binary(OpType::mul, shifted, 1.0f / 6);
}

TensorId swish(const Layer& layer, TensorId x) {
  return layer.graph.binary(OpType::mul, x, layer.graph.unary(OpType::logistic, x));
}

/// log(1 + exp(-|x|)), which does not overflow.
TensorId log_of_sum(GraphWriter& graph, TensorId x) {
  const TensorId away = graph.unary(OpType::neg, graph.unary(OpType::abs, x));
  const TensorId sum = graph.binary(OpType::add, graph.unary(OpType::exp, away), 1);
  return graph.unary(OpType::log, sum);
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).
TensorId softplus(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  return graph.binary(OpType::add, graph.unary(OpType::relu, x), log_of_sum(graph, x));
}

/// -softplus(-x).
TensorId log_sigmoid(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  return graph.binary(OpType::sub, graph.binary(OpType::minimum, x, 0), log_of_sum(graph, x));
}

TensorId softsign(const Layer& layer, TensorId x) {
  const TensorId size = layer.graph.binary(OpType::add, layer.graph.unary(OpType::abs, x), 1);
  return layer.graph.binary(OpType::div, x, size);
}

TensorId mish(const Layer& layer, TensorId x) {
  const TensorId gate = layer.graph.unary(OpType::tanh, softplus(layer, x));
  return layer.graph.binary(OpType::mul, x, gate);
}

TensorId clipped(GraphWriter& graph, TensorId x, float low, float high) {
  return graph.binary(OpType::maximum, graph.binary(OpType::minimum, x, high), low);
}

/// x without its part in [-t, t].
TensorId soft_shrink(const Layer& layer, TensorId x) {
  const float t = layer.config.number("threshold", 0.5f);
  return layer.graph.binary(OpType::sub, x, clipped(layer.graph, x, -t, t));
}

TensorId tanh_shrink(const Layer& layer, TensorId x) {
  return layer.graph.binary(OpType::sub, x, layer.graph.unary(OpType::tanh, x));
}

/// x where |x| > t, else 0.
TensorId hard_shrink(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const TensorId far = compare(graph, OpType::greater, graph.unary(OpType::abs, x),
                               graph.scalar(layer.config.number("threshold", 0.5f)));
  return select(graph, far, x, graph.scalar(0));
}

/// x where it lies above the threshold, else `otherwise`.
TensorId above(const Layer& layer, TensorId x, float threshold, float otherwise = 0) {
  GraphWriter& graph = layer.graph;
  return select(graph, compare(graph, OpType::greater, x, graph.scalar(threshold)), x,
                graph.scalar(otherwise));
}

TensorId threshold(const Layer& layer, TensorId x) {
  return above(layer, x, layer.config.number("threshold", 0),
               layer.config.number("default_value", 0));
}

TensorId squared_relu(const Layer& layer, TensorId x) {
  return layer.graph.unary(OpType::square, layer.graph.unary(OpType::relu, x));
}

/// 0 below -1, x above 1, (x + 1)^2 / 4 in between.
TensorId sparse_plus(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const TensorId middle = graph.binary(OpType::add, graph.unary(OpType::relu_n1_to_1, x), 1);
  const TensorId curve = graph.binary(OpType::mul, graph.unary(OpType::square, middle), 0.25f);
  const TensorId line = graph.unary(OpType::relu, graph.binary(OpType::add, x, -1));
  return graph.binary(OpType::add, curve, line);
}

/// clip((x + 1) / 2, 0, 1).
TensorId sparse_sigmoid(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const TensorId middle = graph.binary(OpType::add, graph.unary(OpType::relu_n1_to_1, x), 1);
  return graph.binary(OpType::mul, middle, 0.5f);
}

/// (x + sqrt(x^2 + b)) / 2.
TensorId squareplus(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const TensorId sum =
      graph.binary(OpType::add, graph.unary(OpType::square, x), layer.config.number("b", 4));
  return graph.binary(OpType::mul, graph.binary(OpType::add, x, graph.unary(OpType::sqrt, sum)),
                      0.5f);
}

/// max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0).
TensorId celu(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const float alpha = layer.config.number("alpha", 1);
  if (alpha == 1) return graph.unary(OpType::elu, x);
  if (alpha == 0) fail(ErrorKind::bad_file, "\"alpha\" is 0");
  const TensorId y = graph.unary(OpType::elu, graph.binary(OpType::mul, x, 1 / alpha));
  return graph.binary(OpType::mul, y, alpha);
}

/// The axis that the settings name, by default the last one.
int read_axis(const Layer& layer, TensorId x) {
  const Json* axis = layer.config.find("axis");
  const int rank = layer.graph.shape(x).rank();
  if (axis == nullptr) return rank - 1;
  return normalized_axis(as_integer(*axis, -kMaxSize, kMaxSize, "\"axis\""), rank);
}

/// One half of an axis, gated by the other.
TensorId glu(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const int axis = read_axis(layer, x);
  const int32_t size = graph.shape(x)[axis];
  if (size % 2 != 0) fail(ErrorKind::bad_file, "glu halves an axis of {} cells", size);
  const TensorId value = slice(graph, x, axis, 0, size / 2);
  const TensorId gate = slice(graph, x, axis, size / 2, size);
  return graph.binary(OpType::mul, value, graph.unary(OpType::logistic, gate));
}

/// max(x - t, 0). The values above t are those that all larger ones together exceed by less than 1;
/// Keras then takes t = (sum over these of all that are as large - 1) / their count, so that every
/// value counts as often as there are chosen ones up to it, half of the equal ones.
TensorId sparsemax(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const Shape shape = graph.shape(x);
  const int last = shape.rank() - 1;
  if (read_axis(layer, x) != last) {
    fail(ErrorKind::unsupported, "sparsemax over another axis than the last is not supported");
  }
  std::vector<int32_t> as_row(shape.dims().begin() + 1, shape.dims().end()), as_column = as_row;
  as_row.insert(as_row.end() - 1, 1);
  as_column.push_back(1);
  const TensorId row = reshape(graph, x, as_row), column = reshape(graph, x, as_column);
  const auto as_numbers = [&](OpType type, TensorId a, TensorId b) {
    return cast(graph, compare(graph, type, a, b), DataType::float32);
  };
  const auto sum = [&](TensorId y, int axis, bool keep) {
    return reduce(graph, OpType::sum, y, {axis}, keep);
  };
  const TensorId excess = graph.unary(OpType::relu, graph.binary(OpType::sub, row, column));
  const TensorId chosen = as_numbers(OpType::less, sum(excess, last + 1, false), graph.scalar(1));
  const TensorId up_to = graph.binary(OpType::add, as_numbers(OpType::less, row, column),
                                      as_numbers(OpType::less_equal, row, column));
  const TensorId counted = graph.binary(OpType::mul, up_to, reshape(graph, chosen, as_row));
  const TensorId times =
      graph.binary(OpType::mul, graph.binary(OpType::add, sum(counted, last + 1, false), 1), 0.5f);
  const TensorId weighted = graph.binary(OpType::mul, graph.binary(OpType::mul, x, chosen), times);
  const TensorId t =
      graph.binary(OpType::div, graph.binary(OpType::add, sum(weighted, last, true), -1),
                   sum(chosen, last, true));
  return graph.unary(OpType::relu, graph.binary(OpType::sub, x, t));
}

TensorId gelu(const Layer& layer, TensorId x) {
  const Shape shape = layer.graph.shape(x);
  const GeluAttributes attributes{.approximate = layer.config.boolean("approximate", false)};
  return layer.graph.op(OpType::gelu, {x}, attributes, shape);
}

TensorId log_softmax(const Layer& layer, TensorId x) {
  const int last = layer.graph.shape(x).rank() - 1;
  const int axis = read_axis(layer, x);
  const TensorId turned = move_axis(layer.graph, x, axis, last);
  return move_axis(layer.graph, layer.graph.unary(OpType::log_softmax, turned), last, axis);
}

TensorId default_leaky(const Layer& layer, TensorId x) {
  return leaky(layer, x, layer.config.number("negative_slope", layer.config.number("alpha", 0.2f)));
}
TensorId elu(const Layer& layer, TensorId x) {
  return scaled_elu(layer, x, layer.config.number("alpha", 1));
}

struct Activation {
  std::string_view name;
  Activate apply;
};
constexpr Activation kActivations[] = {
    {"linear", linear},
    {"relu", one_op<OpType::relu>},
    {"relu6", one_op<OpType::relu6>},
    {"leaky_relu", default_leaky},
    {"elu", elu},
    {"selu", selu},
    {"celu", celu},
    {"gelu", gelu},
    {"glu", glu},
    {"sigmoid", one_op<OpType::logistic>},
    {"hard_sigmoid", hard_sigmoid},
    {"log_sigmoid", log_sigmoid},
    {"sparse_sigmoid", sparse_sigmoid},
    {"tanh", one_op<OpType::tanh>},
    {"hard_tanh", one_op<OpType::relu_n1_to_1>},
    {"tanh_shrink", tanh_shrink},
    {"hard_shrink", hard_shrink},
    {"soft_shrink", soft_shrink},
    {"threshold", threshold},
    {"softmax", last_softmax},
    {"log_softmax", log_softmax},
    {"sparsemax", sparsemax},
    {"softplus", softplus},
    {"sparse_plus", sparse_plus},
    {"squareplus", squareplus},
    {"softsign", softsign},
    {"exponential", one_op<OpType::exp>},
    {"exp", one_op<OpType::exp>},
    {"swish", swish},
    {"silu", swish},
    {"hard_swish", one_op<OpType::hard_swish>},
    {"hard_silu", one_op<OpType::hard_swish>},
    {"mish", mish},
    {"squared_relu", squared_relu},
};

/// Keras's own formula, for any maximum m, slope s and threshold t (each x counts in one part):
///   min(max(x > t ? x : 0, 0), m) - s * max(t - x, 0)
/// without m the inner maximum is missing, so that a negative t lets negative x through.
Results import_relu(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const std::optional<float> maximum = layer.config.number("max_value");
  const float slope = layer.config.number("negative_slope", 0);
  const float threshold = layer.config.number("threshold", 0);
  if (maximum && *maximum < 0) fail(ErrorKind::bad_file, "\"max_value\" is negative");
  if (threshold == 0 && slope != 0 && !maximum) return leaky(layer, x, slope);
  TensorId y;
  if (threshold != 0) {
    y = above(layer, x, threshold);
    if (maximum) y = graph.unary(OpType::relu, graph.binary(OpType::minimum, y, *maximum));
  } else if (maximum == 6.0f) {
    y = graph.unary(OpType::relu6, x);
  } else {
    y = graph.unary(OpType::relu, x);
    if (maximum) y = graph.binary(OpType::minimum, y, *maximum);
  }
  if (slope == 0) return y;
  const TensorId below = threshold == 0 ? graph.unary(OpType::neg, x)
                                        : graph.binary(OpType::sub, graph.scalar(threshold), x);
  return graph.binary(OpType::sub, y,
                      graph.binary(OpType::mul, graph.unary(OpType::relu, below), slope));
}

Results import_leaky_relu(const Layer& layer) {
  const float slope = layer.config.number("alpha", layer.config.number("negative_slope", 0.3f));
  return leaky(layer, layer.input(), slope);
}

Results import_thresholded_relu(const Layer& layer) {
  return above(layer, layer.input(), layer.config.number("theta", 1));
}

Results import_elu(const Layer& layer) { return elu(layer, layer.input()); }

/// alpha has the shape of a sample, 1 along shared axes.
Results import_prelu(const Layer& layer) {
  const Shape shape = layer.graph.shape(layer.input());
  std::vector<int32_t> dims(shape.dims().begin() + 1, shape.dims().end());
  if (const Json* shared = layer.config.find("shared_axes")) {
    const Json list = shared->is_array() ? *shared : Json::array({*shared});
    for (const Json& json : list) {
      const int axis =
          normalized_axis(as_integer(json, -kMaxSize, kMaxSize, "\"shared_axes\""), shape.rank());
      if (axis == 0) fail(ErrorKind::bad_file, "\"shared_axes\" names the batch");
      dims[static_cast<size_t>(axis - 1)] = 1;
    }
  }
  const TensorId alpha = plain_weight(layer, {"alpha", "alphas"}, 0, Shape(dims), Shape(dims));
  return layer.graph.op(OpType::prelu, {layer.input(), alpha}, NoAttributes{}, shape);
}

/// Axes of the settings, the last one where they name none.
std::vector<int> softmax_axes(const Layer& layer, int rank) {
  const Json* setting = layer.config.find("axis");
  const Json list = setting == nullptr    ? Json::array({-1})
                    : setting->is_array() ? *setting
                                          : Json::array({*setting});
  std::vector<int> axes;
  for (const Json& json : list) {
    axes.push_back(normalized_axis(as_integer(json, -kMaxSize, kMaxSize, "\"axis\""), rank));
    if (axes.back() == 0) fail(ErrorKind::unsupported, "softmax over the batch is not supported");
  }
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  if (axes.empty()) fail(ErrorKind::bad_file, "\"axis\" is empty");
  return axes;
}

/// Several axes are turned to the end and joined.
TensorId joint_softmax(GraphWriter& graph, TensorId x, const std::vector<int>& axes) {
  const int rank = graph.shape(x).rank();
  std::vector<int32_t> order;
  for (int i = 0; i < rank; ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
  }
  const size_t kept = order.size();
  order.insert(order.end(), axes.begin(), axes.end());
  const TensorId turned = transpose(graph, x, order);
  const std::vector<int32_t> dims = graph.shape(turned).dims();
  std::vector<int32_t> joined(dims.begin() + 1, dims.begin() + static_cast<ptrdiff_t>(kept));
  joined.push_back(
      static_cast<int32_t>(graph.shape(turned).elements(static_cast<int>(kept), rank)));
  const TensorId y = reshape(graph, softmax(graph, reshape(graph, turned, joined)),
                             {dims.begin() + 1, dims.end()});
  std::vector<int32_t> back(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    back[static_cast<size_t>(order[i])] = static_cast<int32_t>(i);
  }
  return transpose(graph, y, back);
}

/// A second input, or the call's "mask", is a mask: what it leaves out is moved far down.
Results import_softmax(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  std::vector<TensorId> inputs = layer.inputs;
  for (const TensorId mask : layer.keyword_tensors("mask")) inputs.push_back(mask);
  if (inputs.empty() || inputs.size() > 2) {
    fail(ErrorKind::bad_file, "it has {} inputs", inputs.size());
  }
  TensorId x = inputs[0];
  if (inputs.size() == 2) {
    const TensorId kept = cast(graph, inputs[1], DataType::float32);
    const TensorId low = graph.binary(OpType::mul, graph.binary(OpType::add, kept, -1), 1e9f);
    x = graph.binary(OpType::add, x, low);
  }
  const std::vector<int> axes = softmax_axes(layer, graph.shape(x).rank());
  return axes.size() == 1 ? softmax(graph, x, axes[0]) : joint_softmax(graph, x, axes);
}

constexpr TableRow kRows[] = {
    {"ReLU", import_relu},       {"LeakyReLU", import_leaky_relu},
    {"ELU", import_elu},         {"PReLU", import_prelu},
    {"Softmax", import_softmax}, {"ThresholdedReLU", import_thresholded_relu},
};

TensorId apply_named(const Layer& layer, TensorId x, const std::string& name) {
  const auto* found = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const Activation& a) { return a.name == name; });
  if (found == std::end(kActivations)) {
    fail(ErrorKind::unsupported, "activation \"{}\" is not supported", name);
  }
  // Settings of the layer are none of the activation.
  static const Json kNoSettings = Json::object();
  Layer plain = layer;
  plain.config = Config(kNoSettings);
  return found->apply(plain, x);
}

}  // namespace

TensorId apply_activation(const Layer& layer, TensorId x, std::string_view key) {
  const Json* activation = layer.config.find(key);
  if (activation == nullptr) return x;
  if (activation->is_string()) return apply_named(layer, x, activation->get<std::string>());
  // A function as newer versions write it, or a layer in the place of one.
  const Config described(*activation);
  const std::string class_name = described.string("class_name");
  if (const Json* config = described.find("config"); config != nullptr && config->is_string()) {
    return apply_named(layer, x, config->get<std::string>());
  }
  for (const TableRow& row : kRows) {
    if (row.class_name != class_name) continue;
    Layer inner = layer;
    inner.config = Config(described.at("config"));
    inner.inputs = {x};
    return row.import(inner).values.front();
  }
  fail(ErrorKind::unsupported, "activation \"{}\" is not supported", class_name);
}

std::span<const TableRow> activation_layers() { return kRows; }

}  // namespace smelt::keras
