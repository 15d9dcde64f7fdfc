#include <algorithm>

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

/// x > 0 ? x : alpha * (exp(x) - 1), from two ops that each leave one half of the axis alone.
TensorId scaled_elu(const Layer& layer, TensorId x, float alpha) {
  GraphWriter& graph = layer.graph;
  if (alpha == 1) return graph.unary(OpType::elu, x);
  const TensorId positive = graph.unary(OpType::relu, x);
  const TensorId negative = graph.unary(OpType::elu, graph.binary(OpType::minimum, x, 0));
  return graph.binary(OpType::add, positive, graph.binary(OpType::mul, negative, alpha));
}

TensorId selu(const Layer& layer, TensorId x) {
  constexpr float kAlpha = 1.6732632423543772f;
  constexpr float kScale = 1.0507009873554805f;
  return layer.graph.binary(OpType::mul, scaled_elu(layer, x, kAlpha), kScale);
}

/// Over the last axis; TFLite knows no other.
TensorId softmax(const Layer& layer, TensorId x) {
  const Shape shape = layer.graph.shape(x);
  return layer.graph.op(OpType::softmax, {x}, SoftmaxAttributes{.beta = 1}, shape);
}

/// Keras 2: clip(0.2 x + 0.5, 0, 1). Keras 3: relu6(x + 3) / 6.
TensorId hard_sigmoid(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  if (layer.keras_version >= 3) {
    const TensorId shifted = graph.unary(OpType::relu6, graph.binary(OpType::add, x, 3));
    return graph.binary(OpType::mul, shifted, 1.0f / 6);
  }
  const TensorId line = graph.binary(OpType::add, graph.binary(OpType::mul, x, 0.2f), 0.5f);
  return graph.unary(OpType::relu, graph.binary(OpType::minimum, line, 1));
}

TensorId swish(const Layer& layer, TensorId x) {
  return layer.graph.binary(OpType::mul, x, layer.graph.unary(OpType::logistic, x));
}

/// log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
TensorId softplus(const Layer& layer, TensorId x) {
  GraphWriter& graph = layer.graph;
  const TensorId positive = graph.unary(OpType::relu, x);
  const TensorId away = graph.unary(OpType::neg, graph.unary(OpType::abs, x));
  const TensorId sum = graph.binary(OpType::add, graph.unary(OpType::exp, away), 1);
  return graph.binary(OpType::add, positive, graph.unary(OpType::log, sum));
}

TensorId softsign(const Layer& layer, TensorId x) {
  const TensorId size = layer.graph.binary(OpType::add, layer.graph.unary(OpType::abs, x), 1);
  return layer.graph.binary(OpType::div, x, size);
}

TensorId mish(const Layer& layer, TensorId x) {
  const TensorId gate = layer.graph.unary(OpType::tanh, softplus(layer, x));
  return layer.graph.binary(OpType::mul, x, gate);
}

TensorId default_leaky(const Layer& layer, TensorId x) { return leaky(layer, x, 0.2f); }
TensorId plain_elu(const Layer& layer, TensorId x) { return scaled_elu(layer, x, 1); }

struct Activation {
  std::string_view name;
  Activate apply;
};
constexpr Activation kActivations[] = {
    {"linear", linear},
    {"relu", one_op<OpType::relu>},
    {"relu6", one_op<OpType::relu6>},
    {"leaky_relu", default_leaky},
    {"elu", plain_elu},
    {"selu", selu},
    {"gelu", one_op<OpType::gelu>},
    {"sigmoid", one_op<OpType::logistic>},
    {"hard_sigmoid", hard_sigmoid},
    {"tanh", one_op<OpType::tanh>},
    {"softmax", softmax},
    {"log_softmax", one_op<OpType::log_softmax>},
    {"softplus", softplus},
    {"softsign", softsign},
    {"exponential", one_op<OpType::exp>},
    {"swish", swish},
    {"silu", swish},
    {"hard_swish", one_op<OpType::hard_swish>},
    {"hard_silu", one_op<OpType::hard_swish>},
    {"mish", mish},
};

/// x where it lies above the threshold, else 0.
TensorId above(const Layer& layer, TensorId x, float threshold) {
  GraphWriter& graph = layer.graph;
  const Shape shape = graph.shape(x);
  const TensorId chosen = graph.op(OpType::greater, {x, graph.scalar(threshold)}, NoAttributes{},
                                   shape, DataType::boolean);
  const CastAttributes cast{.in_type = DataType::boolean, .out_type = DataType::float32};
  return graph.binary(OpType::mul, x, graph.op(OpType::cast, {chosen}, cast, shape));
}

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

Results import_elu(const Layer& layer) {
  return scaled_elu(layer, layer.input(), layer.config.number("alpha", 1));
}

Results import_softmax(const Layer& layer) {
  const TensorId x = layer.input();
  const int rank = layer.graph.shape(x).rank();
  const Json* axis = layer.config.find("axis");
  if (axis != nullptr && axis->is_array() && axis->size() != 1) {
    fail(ErrorKind::unsupported, "softmax over {} axes is not supported", axis->size());
  }
  const Json last(-1);
  if (axis == nullptr) axis = &last;
  const int along = normalized_axis(
      as_integer(axis->is_array() ? (*axis)[0] : *axis, -kMaxSize, kMaxSize, "\"axis\""), rank);
  if (along == 0) fail(ErrorKind::unsupported, "softmax over the batch is not supported");
  if (along == rank - 1) return softmax(layer, x);
  std::vector<int32_t> order(static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) order[static_cast<size_t>(i)] = i;
  std::swap(order[static_cast<size_t>(along)], order.back());  // its own inverse
  return transposed(layer, softmax(layer, transposed(layer, x, order)), order);
}

constexpr TableRow kRows[] = {
    {"ReLU", import_relu},
    {"LeakyReLU", import_leaky_relu},
    {"ELU", import_elu},
    {"Softmax", import_softmax},
    {"ThresholdedReLU", import_thresholded_relu},
};

TensorId apply_named(const Layer& layer, TensorId x, const std::string& name) {
  const auto* found = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const Activation& a) { return a.name == name; });
  if (found == std::end(kActivations)) {
    fail(ErrorKind::unsupported, "activation \"{}\" is not supported", name);
  }
  return found->apply(layer, x);
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
