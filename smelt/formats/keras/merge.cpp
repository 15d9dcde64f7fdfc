#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/einsum.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// Inputs of lower rank than the highest get axes of size 1 behind the batch, as Keras does it.
std::vector<TensorId> of_one_rank(const Layer& layer) {
  int rank = 0;
  for (const TensorId input : layer.inputs) {
    rank = std::max(rank, layer.graph.shape(input).rank());
  }
  std::vector<TensorId> result;
  for (const TensorId input : layer.inputs) {
    const Shape& shape = layer.graph.shape(input);
    std::vector<int32_t> sample(static_cast<size_t>(rank - shape.rank()), 1);
    sample.insert(sample.end(), shape.dims().begin() + 1, shape.dims().end());
    result.push_back(shape.rank() == rank ? input : reshape(layer.graph, input, sample));
  }
  return result;
}

/// ((a op b) op c) ..., with the broadcasting of NumPy.
TensorId chain(const Layer& layer, OpType type) {
  if (layer.inputs.empty()) fail(ErrorKind::bad_file, "it has no inputs");
  const std::vector<TensorId> inputs = of_one_rank(layer);
  TensorId result = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) result = layer.graph.binary(type, result, inputs[i]);
  return result;
}

Results import_add(const Layer& layer) { return chain(layer, OpType::add); }
Results import_multiply(const Layer& layer) { return chain(layer, OpType::mul); }
Results import_maximum(const Layer& layer) { return chain(layer, OpType::maximum); }
Results import_minimum(const Layer& layer) { return chain(layer, OpType::minimum); }

void require_two(const Layer& layer) {
  if (layer.inputs.size() != 2) {
    fail(ErrorKind::bad_file, "it has {} inputs instead of two", layer.inputs.size());
  }
}

Results import_subtract(const Layer& layer) {
  require_two(layer);
  return chain(layer, OpType::sub);
}

Results import_average(const Layer& layer) {
  const TensorId sum = chain(layer, OpType::add);
  return layer.graph.binary(OpType::mul, sum, 1.0f / static_cast<float>(layer.inputs.size()));
}

Results import_concatenate(const Layer& layer) {
  if (layer.inputs.empty()) fail(ErrorKind::bad_file, "it has no inputs");
  Shape shape = layer.graph.shape(layer.inputs[0]);
  const Json* setting = layer.config.find("axis");
  const int64_t wanted = setting ? as_integer(*setting, -kMaxSize, kMaxSize, "\"axis\"") : -1;
  const int axis = normalized_axis(wanted, shape.rank());
  if (axis == 0) fail(ErrorKind::unsupported, "joining along the batch axis is not supported");
  for (const TensorId input : layer.inputs) {
    Shape other = layer.graph.shape(input);
    if (other.rank() != shape.rank()) fail(ErrorKind::bad_file, "its inputs differ in rank");
    other[axis] = shape[axis];
    if (other != shape) {
      fail(ErrorKind::bad_file, "its inputs differ outside of axis {}: {} and {}", axis,
           to_string(shape), to_string(layer.graph.shape(input)));
    }
  }
  return concatenate(layer.graph, layer.inputs, axis);
}

TensorId normalized(const Layer& layer, TensorId x, int axis) {
  const int last = layer.graph.shape(x).rank() - 1;
  const TensorId y =
      layer.graph.unary(OpType::l2_normalization, move_axis(layer.graph, x, axis, last));
  return move_axis(layer.graph, y, last, axis);
}

/// One axis of each input is summed over; the batch is shared, all else kept: x's axes, then y's.
Results import_dot(const Layer& layer) {
  require_two(layer);
  const Json& setting = layer.config.at("axes");
  const bool pair = setting.is_array();
  if (pair && setting.size() != 2) fail(ErrorKind::bad_file, "\"axes\" is malformed");
  std::array<TensorId, 2> inputs{layer.inputs[0], layer.inputs[1]};
  std::array<std::string, 2> labels;
  std::string result = "a";
  for (size_t i = 0; i < 2; ++i) {
    const int rank = layer.graph.shape(inputs[i]).rank();
    const int axis = normalized_axis(
        as_integer(pair ? setting[i] : setting, -kMaxSize, kMaxSize, "\"axes\""), rank);
    if (axis == 0) fail(ErrorKind::bad_file, "\"axes\" names the batch");
    if (rank > 8) fail(ErrorKind::unsupported, "an input of rank {} is not supported", rank);
    if (layer.config.boolean("normalize", false)) inputs[i] = normalized(layer, inputs[i], axis);
    labels[i] = "a";
    for (int k = 1; k < rank; ++k) {
      labels[i] += k == axis ? 'z' : static_cast<char>('b' + 8 * i + static_cast<size_t>(k));
      if (k != axis) result += labels[i].back();
    }
  }
  const TensorId y =
      einsum(layer.graph, labels[0] + "," + labels[1] + "->" + result, inputs[0], inputs[1]);
  return layer.graph.shape(y).rank() > 1 ? y : reshape(layer.graph, y, {1});
}

constexpr TableRow kRows[] = {
    {"Add", import_add},
    {"Multiply", import_multiply},
    {"Maximum", import_maximum},
    {"Minimum", import_minimum},
    {"Subtract", import_subtract},
    {"Average", import_average},
    {"Concatenate", import_concatenate},
    {"Dot", import_dot},
};

}  // namespace

std::span<const TableRow> merge_layers() { return kRows; }

}  // namespace smelt::keras
