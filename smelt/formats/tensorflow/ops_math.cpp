#include <algorithm>
#include <limits>

#include "smelt/formats/tensorflow/erf.h"
#include "smelt/formats/tensorflow/node.h"

// Element by element, and reductions.

namespace smelt::tensorflow {
namespace {

template <OpType kType>
Values import_unary(const Node& node) {
  return {node.graph.op(kType, {node.input(0)})};
}

template <OpType kType>
Values import_binary(const Node& node) {
  return {node.graph.op(kType, {node.input(0), node.input(1)})};
}

template <OpType kType>
Values import_compare(const Node& node) {
  return {node.graph.op(kType, {node.input(0), node.input(1)}, default_attributes(kType),
                        DataType::boolean)};
}

TensorId number(const Node& node, float value) {
  const TensorId scalar = node.graph.scalar(value);
  return node.graph.cast(scalar, node.type(0));
}

TensorId binary(const Node& node, OpType type, TensorId x, float y) {
  return node.graph.op(type, {x, number(node, y)});
}

Values import_reciprocal(const Node& node) {
  return {node.graph.op(OpType::div, {number(node, 1), node.input(0)})};
}

Values import_log1p(const Node& node) {
  return {node.graph.op(OpType::log, {binary(node, OpType::add, node.input(0), 1)})};
}

Values import_expm1(const Node& node) {
  const TensorId power = node.graph.op(OpType::exp, {node.input(0)});
  return {binary(node, OpType::sub, power, 1)};
}

Values import_tan(const Node& node) {
  Builder& graph = node.graph;
  const TensorId sine = graph.op(OpType::sin, {node.input(0)});
  return {graph.op(OpType::div, {sine, graph.op(OpType::cos, {node.input(0)})})};
}

Values import_atan(const Node& node) {
  return {node.graph.op(OpType::atan2, {node.input(0), number(node, 1)})};
}

/// (exp(x) +- exp(-x)) / 2.
template <OpType kType>
Values import_hyperbolic(const Node& node) {
  Builder& graph = node.graph;
  const TensorId up = graph.op(OpType::exp, {node.input(0)});
  const TensorId down = graph.op(OpType::exp, {graph.op(OpType::neg, {node.input(0)})});
  return {binary(node, OpType::mul, graph.op(kType, {up, down}), 0.5f)};
}

/// max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
Values import_softplus(const Node& node) {
  Builder& graph = node.graph;
  const TensorId x = node.input(0);
  const TensorId away = graph.op(OpType::neg, {graph.op(OpType::abs, {x})});
  const TensorId sum = binary(node, OpType::add, graph.op(OpType::exp, {away}), 1);
  return {graph.op(OpType::add, {graph.op(OpType::relu, {x}), graph.op(OpType::log, {sum})})};
}

Values import_softsign(const Node& node) {
  const TensorId size = binary(node, OpType::add, node.graph.op(OpType::abs, {node.input(0)}), 1);
  return {node.graph.op(OpType::div, {node.input(0), size})};
}

Values import_leaky_relu(const Node& node) {
  const LeakyReluAttributes attributes{.alpha = node.attributes.number("alpha", 0.2f)};
  return {node.graph.op(OpType::leaky_relu, {node.input(0)}, attributes)};
}

TensorId selu(const Node& node, TensorId x) {
  constexpr float kAlpha = 1.6732632423543772f;
  constexpr float kScale = 1.0507009873554805f;
  Builder& graph = node.graph;
  const TensorId below = graph.op(OpType::elu, {binary(node, OpType::minimum, x, 0)});
  const TensorId scaled = binary(node, OpType::mul, below, kAlpha);
  const TensorId sum = graph.op(OpType::add, {graph.op(OpType::relu, {x}), scaled});
  return binary(node, OpType::mul, sum, kScale);
}

Values import_selu(const Node& node) { return {selu(node, node.input(0))}; }

Values import_clip(const Node& node) {
  const TensorId low = node.graph.op(OpType::maximum, {node.input(0), node.input(1)});
  return {node.graph.op(OpType::minimum, {low, node.input(2)})};
}

/// 0 where the divisor is 0.
Values import_div_no_nan(const Node& node) {
  Builder& graph = node.graph;
  const TensorId zero = number(node, 0);
  const TensorId bad =
      graph.op(OpType::equal, {node.input(1), zero}, NoAttributes{}, DataType::boolean);
  const TensorId safe = graph.op(OpType::select_v2, {bad, number(node, 1), node.input(1)},
                                 NoAttributes{}, node.type(1));
  const TensorId ratio = graph.op(OpType::div, {node.input(0), safe});
  return {graph.op(OpType::select_v2, {bad, zero, ratio}, NoAttributes{}, node.type(0))};
}

/// x * y, 0 where y is 0.
Values import_mul_no_nan(const Node& node) {
  Builder& graph = node.graph;
  const TensorId zero = number(node, 0);
  const TensorId bad =
      graph.op(OpType::equal, {node.input(1), zero}, NoAttributes{}, DataType::boolean);
  const TensorId product = graph.op(OpType::mul, {node.input(0), node.input(1)});
  return {graph.op(OpType::select_v2, {bad, zero, product}, NoAttributes{}, node.type(0))};
}

Values import_add_n(const Node& node) {
  TensorId sum = node.input(0);
  for (size_t i = 1; i < node.count(); ++i) {
    sum = node.graph.op(OpType::add, {sum, node.input(i)});
  }
  return {sum};
}

/// The condition of Select may be one value for each element of the first axis.
Values import_select(const Node& node) {
  Builder& graph = node.graph;
  TensorId condition = node.input(0);
  const int rank = node.rank(1);
  if (node.def.op() == "Select" && graph.rank(condition) == 1 && rank > 1) {
    std::vector<int32_t> dims(static_cast<size_t>(rank), 1);
    dims[0] = graph.is_open(condition, 0) ? -1 : graph.shape(condition)[0];
    condition = graph.reshape(condition, dims);
  }
  return {graph.op(OpType::select_v2, {condition, node.input(1), node.input(2)}, NoAttributes{},
                   node.type(1))};
}

Values import_is_nan(const Node& node) {
  return {node.graph.op(OpType::not_equal, {node.input(0), node.input(0)}, NoAttributes{},
                        DataType::boolean)};
}

/// x - x is 0 for numbers alone.
Values import_is_finite(const Node& node) {
  const TensorId none = node.graph.op(OpType::sub, {node.input(0), node.input(0)});
  return {node.graph.op(OpType::equal, {none, number(node, 0)}, NoAttributes{}, DataType::boolean)};
}

Values import_is_inf(const Node& node) {
  const TensorId size = node.graph.op(OpType::abs, {node.input(0)});
  return {node.graph.op(OpType::equal, {size, number(node, std::numeric_limits<float>::infinity())},
                        NoAttributes{}, DataType::boolean)};
}

std::vector<int32_t> reduced_axes(const Node& node) {
  std::vector<int32_t> axes = node.ints(1, "the axes");
  for (int32_t& axis : axes) axis = normalized_axis(axis, node.rank(0));
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return axes;
}

TensorId reduce(const Node& node, OpType type, TensorId x) {
  const std::vector<int32_t> axes = reduced_axes(node);
  const bool keep =
      node.attributes.flag("keep_dims", false) || node.attributes.flag("keepdims", false);
  if (axes.empty()) return x;
  return node.graph.op(type, {x, node.graph.ints(axes)}, ReduceAttributes{.keep_dims = keep});
}

template <OpType kType>
Values import_reduce(const Node& node) {
  return {reduce(node, kType, node.input(0))};
}

Values import_norm(const Node& node) {
  const TensorId squares = node.graph.op(OpType::square, {node.input(0)});
  return {node.graph.op(OpType::sqrt, {reduce(node, OpType::sum, squares)})};
}

template <OpType kType>
Values import_arg(const Node& node) {
  const DataType type = node.attributes.type("output_type", TfType::int64);
  const auto axis = static_cast<int32_t>(
      normalized_axis(node.count() > 1 ? node.integer(1, "the axis") : 0, node.rank(0)));
  return {node.graph.op(kType, {node.input(0), node.graph.integer(axis)},
                        ArgMinMaxAttributes{.output_type = type}, type)};
}

Values import_softmax(const Node& node) {
  return {node.graph.op(OpType::softmax, {node.input(0)}, SoftmaxAttributes{.beta = 1})};
}

Values import_cumsum(const Node& node) {
  const CumsumAttributes attributes{.exclusive = node.attributes.flag("exclusive", false),
                                    .reverse = node.attributes.flag("reverse", false)};
  return {node.graph.op(OpType::cumsum, {node.input(0), node.as_int32(1)}, attributes)};
}

/// x where it is positive, else slopes * x.
TensorId prelu(const Node& node, TensorId x, TensorId slopes) {
  Builder& graph = node.graph;
  const Shape& shape = graph.shape(slopes);
  if (shape.rank() + 1 == graph.rank(x) || (shape.rank() > 0 && shape[0] == 1)) {
    std::vector<int32_t> dims = shape.dims();
    if (shape.rank() == graph.rank(x)) dims.erase(dims.begin());
    return graph.op(OpType::prelu, {x, graph.reshape(slopes, dims)});
  }
  const TensorId below = graph.op(OpType::mul, {slopes, binary(node, OpType::minimum, x, 0)});
  return graph.op(OpType::add, {graph.op(OpType::relu, {x}), below});
}

Values import_prelu(const Node& node) { return {prelu(node, node.input(0), node.input(1))}; }

Values import_erf(const Node& node) {
  return {node.graph.op(OpType::custom, {node.input(0)}, CustomAttributes{.code = kErf})};
}

/// 1 + Erf(-x).
Values import_erfc(const Node& node) {
  const TensorId away = node.graph.op(OpType::neg, {node.input(0)});
  const TensorId half = node.graph.op(OpType::custom, {away}, CustomAttributes{.code = kErf});
  return {binary(node, OpType::add, half, 1)};
}

constexpr OpRow kRows[] = {
    {"Erf", import_erf},
    {"Erfc", import_erfc},
    {"Abs", import_unary<OpType::abs>},
    {"Neg", import_unary<OpType::neg>},
    {"Exp", import_unary<OpType::exp>},
    {"Log", import_unary<OpType::log>},
    {"Sqrt", import_unary<OpType::sqrt>},
    {"Rsqrt", import_unary<OpType::rsqrt>},
    {"Square", import_unary<OpType::square>},
    {"Sin", import_unary<OpType::sin>},
    {"Cos", import_unary<OpType::cos>},
    {"Floor", import_unary<OpType::floor>},
    {"Ceil", import_unary<OpType::ceil>},
    {"Round", import_unary<OpType::round>},
    {"Rint", import_unary<OpType::round>},
    {"Sign", import_unary<OpType::sign>},
    {"Sigmoid", import_unary<OpType::logistic>},
    {"Tanh", import_unary<OpType::tanh>},
    {"Relu", import_unary<OpType::relu>},
    {"Relu6", import_unary<OpType::relu6>},
    {"Elu", import_unary<OpType::elu>},
    {"LogicalNot", import_unary<OpType::logical_not>},
    {"LogSoftmax", import_unary<OpType::log_softmax>},
    {"ZerosLike", import_unary<OpType::zeros_like>},
    {"Softmax", import_softmax},
    {"LeakyRelu", import_leaky_relu},
    {"Selu", import_selu},
    {"Softplus", import_softplus},
    {"Softsign", import_softsign},
    {"Prelu", import_prelu},
    {"Reciprocal", import_reciprocal},
    {"Inv", import_reciprocal},
    {"Log1p", import_log1p},
    {"Expm1", import_expm1},
    {"Tan", import_tan},
    {"Atan", import_atan},
    {"Sinh", import_hyperbolic<OpType::sub>},
    {"Cosh", import_hyperbolic<OpType::add>},
    {"IsNan", import_is_nan},
    {"IsFinite", import_is_finite},
    {"IsInf", import_is_inf},
    {"Add", import_binary<OpType::add>},
    {"AddV2", import_binary<OpType::add>},
    {"BiasAddV1", import_binary<OpType::add>},
    {"Sub", import_binary<OpType::sub>},
    {"Mul", import_binary<OpType::mul>},
    {"Div", import_binary<OpType::div>},
    {"RealDiv", import_binary<OpType::div>},
    {"TruncateDiv", import_binary<OpType::div>},
    {"FloorDiv", import_binary<OpType::floor_div>},
    {"FloorMod", import_binary<OpType::floor_mod>},
    {"Maximum", import_binary<OpType::maximum>},
    {"Minimum", import_binary<OpType::minimum>},
    {"Pow", import_binary<OpType::pow>},
    {"Atan2", import_binary<OpType::atan2>},
    {"SquaredDifference", import_binary<OpType::squared_difference>},
    {"LogicalAnd", import_binary<OpType::logical_and>},
    {"LogicalOr", import_binary<OpType::logical_or>},
    {"BitwiseXor", import_binary<OpType::bitwise_xor>},
    {"RightShift", import_binary<OpType::right_shift>},
    {"Equal", import_compare<OpType::equal>},
    {"NotEqual", import_compare<OpType::not_equal>},
    {"Greater", import_compare<OpType::greater>},
    {"GreaterEqual", import_compare<OpType::greater_equal>},
    {"Less", import_compare<OpType::less>},
    {"LessEqual", import_compare<OpType::less_equal>},
    {"DivNoNan", import_div_no_nan},
    {"MulNoNan", import_mul_no_nan},
    {"AddN", import_add_n},
    {"ClipByValue", import_clip},
    {"Select", import_select},
    {"SelectV2", import_select},
    {"Mean", import_reduce<OpType::mean>},
    {"Sum", import_reduce<OpType::sum>},
    {"Max", import_reduce<OpType::reduce_max>},
    {"Min", import_reduce<OpType::reduce_min>},
    {"Prod", import_reduce<OpType::reduce_prod>},
    {"All", import_reduce<OpType::reduce_all>},
    {"Any", import_reduce<OpType::reduce_any>},
    {"EuclideanNorm", import_norm},
    {"ArgMax", import_arg<OpType::arg_max>},
    {"ArgMin", import_arg<OpType::arg_min>},
    {"Cumsum", import_cumsum},
};

}  // namespace

std::span<const OpRow> math_ops() { return kRows; }

TensorId activation(const Node& node, const std::string& name, TensorId x, TensorId slopes) {
  Builder& graph = node.graph;
  if (name == "Relu") return graph.op(OpType::relu, {x});
  if (name == "Relu6") return graph.op(OpType::relu6, {x});
  if (name == "Elu") return graph.op(OpType::elu, {x});
  if (name == "Sigmoid") return graph.op(OpType::logistic, {x});
  if (name == "Tanh") return graph.op(OpType::tanh, {x});
  if (name == "Selu") return selu(node, x);
  if (name == "LeakyRelu" || name == "Leakyrelu") {
    const LeakyReluAttributes attributes{.alpha = node.attributes.number("leakyrelu_alpha", 0.2f)};
    return graph.op(OpType::leaky_relu, {x}, attributes);
  }
  if (name == "Prelu" && slopes) return prelu(node, x, slopes);
  if (name == "GeluApproximate" || name == "GeluExact") {
    return graph.op(OpType::gelu, {x}, GeluAttributes{.approximate = name == "GeluApproximate"});
  }
  fail(ErrorKind::unsupported, "the fused op {} is not supported", name);
}

}  // namespace smelt::tensorflow
