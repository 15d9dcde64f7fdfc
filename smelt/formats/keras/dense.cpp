#include "smelt/formats/keras/dense.h"

#include <algorithm>

#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/einsum.h"
#include "smelt/formats/keras/windows.h"

namespace smelt::keras {
namespace {

/// x [..., I] -> [..., units]; kernel [I, units] in the file, [units, I] in the graph.
Results import_dense(const Layer& layer) {
  const Shape& shape = layer.graph.shape(layer.input());
  if (shape.rank() < 2) fail(ErrorKind::bad_file, "its input {} is a scalar", to_string(shape));
  const int32_t in = shape.back();
  const int32_t units = layer.config.integer("units");
  const TensorId kernel = transposed_weight(layer, {"kernel"}, 0, {in, units}, {units, in});
  const TensorId y =
      fully_connected(layer.graph, layer.input(), kernel, bias_or_none(layer, 1, units));
  return apply_activation(layer, y);
}

/// Values of shape `dims` with the axes in another order.
std::vector<float> permuted(std::span<const float> values, const std::vector<int32_t>& dims,
                            const std::vector<int32_t>& order) {
  std::vector<size_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * static_cast<size_t>(dims[i]);
  }
  std::vector<float> result(values.size());
  std::vector<int32_t> at(dims.size(), 0);
  for (float& value : result) {
    size_t index = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      index += static_cast<size_t>(at[i]) * strides[static_cast<size_t>(order[i])];
    }
    value = values[index];
    for (size_t i = order.size(); i-- > 0;) {
      if (++at[i] < dims[static_cast<size_t>(order[i])]) break;
      at[i] = 0;
    }
  }
  return result;
}

int64_t size_of(const std::string& labels, const std::map<char, int32_t>& sizes) {
  int64_t size = 1;
  for (const char label : labels) size = checked_mul(size, sizes.at(label), "an axis");
  return as_integer(Json(size), 1, kMaxSize, "an axis");
}

Shape shape_of(const std::string& labels, const std::map<char, int32_t>& sizes) {
  std::vector<int32_t> dims;
  for (const char label : labels) dims.push_back(sizes.at(label));
  return Shape(std::move(dims));
}

/// The labels that x does not have are sized by "output_shape": its values belong to the last axes
/// of the result, or with "ab...->ac..." to those behind the first.
void add_output_sizes(const DenseEquation& dense, const Equation& equation,
                      std::map<char, int32_t>& sizes) {
  const size_t given = dense.output_shape.size();
  const bool behind = dense.equation.ends_with("...");
  const size_t rank = equation.out.size();
  const size_t first = behind ? 1 : rank - std::min(given, rank);
  for (size_t i = 0; i < given && first + i < rank; ++i) {
    if (dense.output_shape[i] > 0) sizes.emplace(equation.out[first + i], dense.output_shape[i]);
  }
  for (const char label : equation.y + equation.out) {
    if (!sizes.contains(label)) {
      fail(ErrorKind::bad_file, "\"output_shape\" does not say the size of '{}'", label);
    }
  }
}

/// The bias as its own ADD: its axes and those behind the first of them.
TensorId add_bias(const Layer& layer, TensorId y, const std::string& out,
                  const std::string& bias_axes, const std::map<char, int32_t>& sizes) {
  std::vector<int32_t> dims;
  for (const char label : out) {
    const bool listed = bias_axes.find(label) != std::string::npos;
    if (listed || !dims.empty()) dims.push_back(listed ? sizes.at(label) : 1);
  }
  return layer.graph.binary(OpType::add, y,
                            plain_weight(layer, {"bias"}, 1, Shape(dims), Shape(dims)));
}

}  // namespace

TensorId fully_connected(GraphWriter& graph, TensorId x, TensorId kernel, TensorId bias) {
  Shape shape = graph.shape(x);
  FullyConnectedAttributes attributes;
  attributes.keep_num_dims = shape.rank() > 2;
  shape[shape.rank() - 1] = graph.shape(kernel)[0];
  return graph.op(OpType::fully_connected, {x, kernel, bias}, attributes, shape);
}

TensorId einsum_dense(const Layer& layer, const DenseEquation& dense, TensorId x) {
  GraphWriter& graph = layer.graph;
  Equation equation = parse_equation(dense.equation, graph.shape(x).rank());
  std::map<char, int32_t> sizes;
  add_sizes(sizes, equation.x, graph.shape(x));
  add_output_sizes(dense, equation, sizes);
  const Shape stored = shape_of(equation.y, sizes);
  x = sum_lonely(graph, x, equation.x, equation.y + equation.out);
  const Contraction c = contraction_of(equation);
  const bool plain = c.shared.empty() && !c.left.empty() && !c.summed.empty() && !c.right.empty() &&
                     c.right.size() + c.summed.size() == equation.y.size();
  if (!plain) {
    TensorId y = einsum(graph, equation, x, plain_weight(layer, {"kernel"}, 0, stored, stored));
    if (!dense.bias_axes.empty()) y = add_bias(layer, y, equation.out, dense.bias_axes, sizes);
    return apply_activation(layer, y);
  }
  // [right..., summed...] as a matrix.
  std::vector<int32_t> order;
  for (const char label : c.right + c.summed) {
    order.push_back(static_cast<int32_t>(equation.y.find(label)));
  }
  const auto units = static_cast<int32_t>(size_of(c.right, sizes));
  const auto inputs = static_cast<int32_t>(size_of(c.summed, sizes));
  const TensorId kernel = made_weight(
      layer, {"kernel"}, 0, stored, {units, inputs},
      [&](std::span<const float> values) { return permuted(values, stored.dims(), order); });
  std::vector<std::string> groups;
  for (const char label : c.left) groups.emplace_back(1, label);
  groups.push_back(c.summed);
  const bool whole_bias = dense.bias_axes == c.right && equation.out.ends_with(c.right);
  const TensorId bias = whole_bias && !dense.bias_axes.empty()
                            ? plain_weight(layer, {"bias"}, 1, shape_of(c.right, sizes), {units})
                            : TensorId::none;
  TensorId y = fully_connected(graph, arranged(graph, x, equation.x, groups), kernel, bias);
  if (dense.scale != 1) y = graph.binary(OpType::mul, y, dense.scale);
  // In front of reshapes an activation can be fused.
  const bool early = bias != TensorId::none && is_elementwise(layer);
  if (early) y = apply_activation(layer, y);
  groups.back() = c.right;
  y = rearranged(graph, y, groups, sizes, equation.out);
  if (bias == TensorId::none && !dense.bias_axes.empty()) {
    y = add_bias(layer, y, equation.out, dense.bias_axes, sizes);
  }
  return early ? y : apply_activation(layer, y);
}

namespace {

Results import_einsum_dense(const Layer& layer) {
  DenseEquation dense{.equation = layer.config.string("equation"),
                      .bias_axes = layer.config.string("bias_axes", "")};
  const Json& shape = layer.config.at("output_shape");
  const Json list = shape.is_array() ? shape : Json::array({shape});
  for (const Json& json : list) {
    dense.output_shape.push_back(
        json.is_null() ? 0 : static_cast<int32_t>(as_integer(json, 1, kMaxSize, "output_shape")));
  }
  return einsum_dense(layer, dense, layer.input());
}

constexpr TableRow kRows[] = {
    {"Dense", import_dense},
    {"EinsumDense", import_einsum_dense},
};

}  // namespace

std::span<const TableRow> dense_layers() { return kRows; }

}  // namespace smelt::keras
