#include <algorithm>
#include <array>

#include "smelt/formats/keras/ops.h"

namespace smelt::keras {
namespace {

constexpr OpCall::Names kX{
    "x",      "x1",     "a", "input",  "input_tensor", "features", "logits", "tensor",
    "values", "inputs", "t", "images", "value",        "data",     "array",  "params"};
constexpr OpCall::Names kY{"y", "x2", "b"};
constexpr OpCall::Names kAxis{"axis", "axes", "dim", "reduction_indices", "dimension"};

/// Both operands; a number takes the type of the tensor beside it.
std::array<TensorId, 2> operands(const OpCall& call) {
  if (call.has_tensor(0, kX)) {
    const TensorId x = call.tensor(0, kX);
    return {x, call.tensor(1, kY, x)};
  }
  const TensorId y = call.tensor(1, kY);
  return {call.tensor(0, kX, y), y};
}

/// Arithmetic between types happens in float32.
std::array<TensorId, 2> same_type(const OpCall& call) {
  auto [x, y] = operands(call);
  if (call.graph().type(x) != call.graph().type(y)) {
    x = call.as_type(x, DataType::float32);
    y = call.as_type(y, DataType::float32);
  }
  return {x, y};
}

template <OpType kType, bool kCompares = false>
Results two(const OpCall& call) {
  const auto [x, y] = same_type(call);
  return call.binary(kType, x, y, kCompares);
}

Results divide(const OpCall& call) {
  const auto [x, y] = operands(call);
  return call.binary(OpType::div, call.as_type(x, DataType::float32),
                     call.as_type(y, DataType::float32));
}

template <OpType kType>
Results one(const OpCall& call) {
  return call.unary(kType, call.tensor(0, kX));
}

Results identity(const OpCall& call) { return call.tensor(0, kX); }

/// The activation of that name, as layers have it.
Results activation(const OpCall& call) {
  const Json settings{{"activation", call.op()}};
  Layer layer = call.layer();
  layer.config = Config(settings);
  return apply_activation(layer, call.as_type(call.tensor(0, kX), DataType::float32));
}

Results leaky_relu(const OpCall& call) {
  const float slope = call.number_or(1, {"alpha", "negative_slope"}, 0.2f);
  const TensorId x = call.tensor(0, kX);
  return call.emit(OpType::leaky_relu, {x}, LeakyReluAttributes{.alpha = slope},
                   call.graph().shape(x));
}

Results gelu(const OpCall& call) {
  const bool keras = call.layer().class_name.starts_with("ops.");
  const TensorId x = call.tensor(0, kX);
  const bool approximate = call.boolean_or(1, {"approximate"}, keras);
  return call.emit(OpType::gelu, {x}, GeluAttributes{.approximate = approximate},
                   call.graph().shape(x));
}

/// keras.activations.relu: as the layer ReLU, under other names.
Results relu(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const float slope = call.number_or(1, {"negative_slope", "alpha"}, 0);
  const float threshold = call.number_or(3, {"threshold"}, 0);
  const Json* maximum = call.find(2, {"max_value"});
  if (slope == 0 && threshold == 0 && maximum == nullptr) return call.unary(OpType::relu, x);
  Json settings{{"negative_slope", slope}, {"threshold", threshold}};
  if (maximum != nullptr) settings["max_value"] = *maximum;
  Layer layer = call.layer();
  layer.config = Config(settings);
  layer.inputs = {x};
  return find_layer("ReLU")->import(layer);
}

TensorId last_axis(const OpCall& call, OpType type, Attributes attributes) {
  const TensorId x = call.tensor(0, kX);
  const Shape shape = call.graph().shape(x);
  const int axis = normalized_axis(call.integer_or(1, kAxis, -1), shape.rank());
  if (axis == shape.rank() - 1) return call.emit(type, {x}, std::move(attributes), shape);
  std::vector<int32_t> order(static_cast<size_t>(shape.rank()));
  for (int i = 0; i < shape.rank(); ++i) order[static_cast<size_t>(i)] = i;
  std::swap(order[static_cast<size_t>(axis)], order.back());  // its own inverse
  const TensorId moved = transposed(call.layer(), x, order);
  const TensorId y = call.emit(type, {moved}, std::move(attributes), call.graph().shape(moved));
  return transposed(call.layer(), y, order);
}

Results softmax(const OpCall& call) {
  return last_axis(call, OpType::softmax, SoftmaxAttributes{.beta = 1});
}
Results log_softmax(const OpCall& call) {
  return last_axis(call, OpType::log_softmax, NoAttributes{});
}

Results clip(const OpCall& call) {
  TensorId x = call.tensor(0, kX);
  static constexpr OpCall::Names kLow{"clip_value_min", "x_min", "min_value", "min"};
  static constexpr OpCall::Names kHigh{"clip_value_max", "x_max", "max_value", "max"};
  const float low = call.number_or(1, kLow, 0), high = call.number_or(2, kHigh, 0);
  const bool has_low = call.find(1, kLow) != nullptr, has_high = call.find(2, kHigh) != nullptr;
  const bool is_float = call.graph().type(x) == DataType::float32;
  if (is_float && has_low && has_high && low == 0 && high == 6) return call.unary(OpType::relu6, x);
  if (has_high) x = call.binary(OpType::minimum, x, call.tensor(2, kHigh, x));
  if (is_float && has_low && low == 0) return call.unary(OpType::relu, x);
  if (has_low) x = call.binary(OpType::maximum, x, call.tensor(1, kLow, x));
  return x;
}

Results where(const OpCall& call) {
  const TensorId condition = call.tensor(0, {"condition"});
  const bool first = call.has_tensor(1, {"x1", "x", "t"});
  TensorId x, y;
  if (first) {
    x = call.tensor(1, {"x1", "x", "t"});
    y = call.tensor(2, {"x2", "y", "e"}, x);
  } else {
    y = call.tensor(2, {"x2", "y", "e"});
    x = call.tensor(1, {"x1", "x", "t"}, y);
  }
  GraphWriter& graph = call.graph();
  const Shape shape = broadcast(graph.shape(condition), broadcast(graph.shape(x), graph.shape(y)));
  return graph.op(OpType::select_v2, {condition, x, y}, NoAttributes{}, shape, graph.type(x));
}

TensorId cast_to(const OpCall& call, TensorId x, const Json& wanted) {
  std::string name = wanted.is_string() ? wanted.get<std::string>() : "float32";
  if (name.starts_with("float") || name == "bfloat16" || name == "half") name = "float32";
  const auto type = name == "bool" ? DataType::boolean : data_type_from_name(name);
  if (!type) fail(ErrorKind::unsupported, "a cast to \"{}\" is not supported", name);
  return call.as_type(x, *type);
}

Results cast(const OpCall& call) {
  return cast_to(call, call.tensor(0, kX), call.at(1, {"dtype", "DstT"}));
}

/// Zeros or ones in the shape of x.
template <bool kOnes>
Results filled_like(const OpCall& call) {
  const TensorId x = call.as_type(call.tensor(0, kX), DataType::float32);
  TensorId y = call.unary(OpType::zeros_like, x);
  if (kOnes) y = call.binary(OpType::add, y, call.graph().scalar(1));
  const Json* wanted = call.find(1, {"dtype"});
  return wanted != nullptr ? cast_to(call, y, *wanted)
                           : call.as_type(y, call.graph().type(call.tensor(0, kX)));
}

Results log1p(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const TensorId sum = call.binary(OpType::add, x, call.graph().scalar(1));
  return call.unary(OpType::log, sum);
}
Results expm1(const OpCall& call) {
  const TensorId power = call.unary(OpType::exp, call.tensor(0, kX));
  return call.binary(OpType::sub, power, call.graph().scalar(1));
}
Results reciprocal(const OpCall& call) {
  return call.binary(OpType::div, call.graph().scalar(1), call.tensor(0, kX));
}

/// Products of the last two axes, those in front broadcast.
Results matmul(const OpCall& call) {
  GraphWriter& graph = call.graph();
  const auto [x, y] = operands(call);
  const BatchMatMulAttributes attributes{
      .adj_x = call.boolean_or(2, {"transpose_a", "adjoint_a", "adj_x"}, false),
      .adj_y = call.boolean_or(3, {"transpose_b", "adjoint_b", "adj_y"}, false)};
  const Shape a = graph.shape(x), b = graph.shape(y);
  if (a.rank() < 2 || b.rank() < 2) {
    fail(ErrorKind::unsupported, "a product of {} and {} is not supported", to_string(a),
         to_string(b));
  }
  const auto split = [](const Shape& shape, bool adjoint) {
    const int rank = shape.rank();
    std::array<int32_t, 2> sides{shape[rank - 2], shape[rank - 1]};
    if (adjoint) std::swap(sides[0], sides[1]);
    return sides;
  };
  const auto batch = [](const Shape& shape) {
    return Shape(std::vector<int32_t>(shape.dims().begin(), shape.dims().end() - 2));
  };
  const auto [rows, inner] = split(a, attributes.adj_x);
  const auto [other, columns] = split(b, attributes.adj_y);
  if (inner != other) {
    fail(ErrorKind::bad_file, "{} and {} cannot be multiplied", to_string(a), to_string(b));
  }
  std::vector<int32_t> dims = broadcast(batch(a), batch(b)).dims();
  dims.push_back(rows);
  dims.push_back(columns);
  return call.emit(OpType::batch_matmul, {x, y}, attributes, Shape(std::move(dims)));
}

constexpr OpRow kArithmetic[] = {
    {"abs", one<OpType::abs>},
    {"add", two<OpType::add>},
    {"cast", cast},
    {"ceil", one<OpType::ceil>},
    {"clip", clip},
    {"cos", one<OpType::cos>},
    {"divide", divide},
    {"elu", activation},
    {"equal", two<OpType::equal, true>},
    {"exp", one<OpType::exp>},
    {"expm1", expm1},
    {"exponential", activation},
    {"floor", one<OpType::floor>},
    {"floor_divide", two<OpType::floor_div>},
    {"gelu", gelu},
    {"greater", two<OpType::greater, true>},
    {"greater_equal", two<OpType::greater_equal, true>},
    {"hard_sigmoid", activation},
    {"hard_swish", activation},
    {"identity", identity},
    {"leaky_relu", leaky_relu},
    {"less", two<OpType::less, true>},
    {"less_equal", two<OpType::less_equal, true>},
    {"log", one<OpType::log>},
    {"log1p", log1p},
    {"log_softmax", log_softmax},
    {"logical_and", two<OpType::logical_and, true>},
    {"logical_not", one<OpType::logical_not>},
    {"logical_or", two<OpType::logical_or, true>},
    {"matmul", matmul},
    {"maximum", two<OpType::maximum>},
    {"minimum", two<OpType::minimum>},
    {"mish", activation},
    {"mod", two<OpType::floor_mod>},
    {"multiply", two<OpType::mul>},
    {"negative", one<OpType::neg>},
    {"not_equal", two<OpType::not_equal, true>},
    {"ones_like", filled_like<true>},
    {"power", two<OpType::pow>},
    {"reciprocal", reciprocal},
    {"relu", relu},
    {"relu6", one<OpType::relu6>},
    {"round", one<OpType::round>},
    {"rsqrt", one<OpType::rsqrt>},
    {"selu", activation},
    {"sigmoid", one<OpType::logistic>},
    {"sign", one<OpType::sign>},
    {"sin", one<OpType::sin>},
    {"softmax", softmax},
    {"softplus", activation},
    {"softsign", activation},
    {"sqrt", one<OpType::sqrt>},
    {"square", one<OpType::square>},
    {"squared_difference", two<OpType::squared_difference>},
    {"subtract", two<OpType::sub>},
    {"swish", activation},
    {"tanh", one<OpType::tanh>},
    {"where", where},
    {"zeros_like", filled_like<false>},
};

struct Reduction {
  TensorId x;
  std::vector<int32_t> axes;
  bool keep = false;
  Shape shape;  ///< of the result
};

Reduction read_reduction(const OpCall& call) {
  Reduction result;
  result.x = call.tensor(0, kX);
  const Shape& in = call.graph().shape(result.x);
  if (call.find(1, kAxis) != nullptr) {
    for (const int32_t axis : call.integers(1, kAxis)) {
      result.axes.push_back(normalized_axis(axis, in.rank()));
    }
    std::sort(result.axes.begin(), result.axes.end());
  } else {
    for (int axis = 0; axis < in.rank(); ++axis) result.axes.push_back(axis);
  }
  result.keep = call.boolean_or(2, {"keepdims", "keep_dims"}, false);
  std::vector<int32_t> dims;
  for (int axis = 0; axis < in.rank(); ++axis) {
    const bool reduced = std::binary_search(result.axes.begin(), result.axes.end(), axis);
    if (!reduced) dims.push_back(in[axis]);
    if (reduced && result.keep) dims.push_back(1);
  }
  result.shape = Shape(std::move(dims));
  return result;
}

TensorId reduced(const OpCall& call, OpType type, TensorId x, const Reduction& how) {
  if (how.axes.empty()) return x;
  const auto count = static_cast<int32_t>(how.axes.size());
  const TensorId axes = call.graph().ints("axes", how.axes, {count});
  return call.emit(type, {x, axes}, ReduceAttributes{.keep_dims = how.keep}, how.shape);
}

template <OpType kType>
Results reduce(const OpCall& call) {
  const Reduction how = read_reduction(call);
  return reduced(call, kType, how.x, how);
}

/// Mean of the squared distance to the mean.
TensorId variance_of(const OpCall& call) {
  const Reduction how = read_reduction(call);
  Reduction keep = how;
  keep.keep = true;
  std::vector<int32_t> dims = call.graph().shape(how.x).dims();
  for (const int32_t axis : how.axes) dims[static_cast<size_t>(axis)] = 1;
  keep.shape = Shape(std::move(dims));
  const TensorId mean = reduced(call, OpType::mean, how.x, keep);
  return reduced(call, OpType::mean, call.binary(OpType::squared_difference, how.x, mean), how);
}

Results var(const OpCall& call) { return variance_of(call); }
Results std_deviation(const OpCall& call) { return call.unary(OpType::sqrt, variance_of(call)); }

/// Without taking the maximum out: as TensorFlow's converter writes small ones.
Results logsumexp(const OpCall& call) {
  const Reduction how = read_reduction(call);
  return call.unary(OpType::log, reduced(call, OpType::sum, call.unary(OpType::exp, how.x), how));
}

Results norm(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const Json* order = call.find(1, {"ord"});
  const bool euclidean =
      order == nullptr || *order == "euclidean" || *order == Json(2) || *order == Json(2.0);
  if (!euclidean) fail(ErrorKind::unsupported, "only the Euclidean norm is supported");
  Reduction how;
  const Shape& in = call.graph().shape(x);
  how.keep = call.boolean_or(3, {"keepdims", "keep_dims"}, false);
  if (call.find(2, kAxis) == nullptr)
    fail(ErrorKind::unsupported, "a norm without axis is not supported");
  std::vector<int32_t> dims = in.dims();
  for (const int32_t axis : call.integers(2, kAxis))
    how.axes.push_back(normalized_axis(axis, in.rank()));
  std::sort(how.axes.rbegin(), how.axes.rend());
  for (const int32_t axis : how.axes) {
    if (how.keep) dims[static_cast<size_t>(axis)] = 1;
    if (!how.keep) dims.erase(dims.begin() + axis);
  }
  how.shape = Shape(std::move(dims));
  return call.unary(OpType::sqrt, reduced(call, OpType::sum, call.unary(OpType::square, x), how));
}

template <OpType kType>
Results arg(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  Shape shape = call.graph().shape(x);
  const int axis = normalized_axis(call.integer_or(1, kAxis, 0), shape.rank());
  std::vector<int32_t> dims = shape.dims();
  if (call.boolean_or(2, {"keepdims"}, false)) {
    dims[static_cast<size_t>(axis)] = 1;
  } else {
    dims.erase(dims.begin() + axis);
  }
  const TensorId operand = call.graph().ints("axis", {axis}, {});
  return call.graph().op(kType, {x, operand}, ArgMinMaxAttributes{.output_type = DataType::int32},
                         Shape(std::move(dims)), DataType::int32);
}

Results l2_normalize(const OpCall& call) {
  const TensorId x = call.tensor(0, kX);
  const Shape shape = call.graph().shape(x);
  const std::vector<int32_t> axes =
      call.find(1, kAxis) != nullptr ? call.integers(1, kAxis) : std::vector<int32_t>{-1};
  if (axes.size() != 1 || normalized_axis(axes[0], shape.rank()) != shape.rank() - 1) {
    fail(ErrorKind::unsupported, "only the last axis can be normalized");
  }
  return call.emit(OpType::l2_normalization, {x}, FusedAttributes{}, shape);
}

constexpr OpRow kReductions[] = {
    {"all", reduce<OpType::reduce_all>},
    {"any", reduce<OpType::reduce_any>},
    {"argmax", arg<OpType::arg_max>},
    {"argmin", arg<OpType::arg_min>},
    {"l2_normalize", l2_normalize},
    {"logsumexp", logsumexp},
    {"max", reduce<OpType::reduce_max>},
    {"mean", reduce<OpType::mean>},
    {"min", reduce<OpType::reduce_min>},
    {"norm", norm},
    {"normalize", l2_normalize},
    {"prod", reduce<OpType::reduce_prod>},
    {"std", std_deviation},
    {"sum", reduce<OpType::sum>},
    {"var", var},
};

}  // namespace

std::span<const OpRow> arithmetic_ops() { return kArithmetic; }
std::span<const OpRow> reduction_ops() { return kReductions; }

}  // namespace smelt::keras
