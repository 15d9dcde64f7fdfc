#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// ((a op b) op c) ..., with the broadcasting of NumPy between inputs of one rank.
TensorId chain(const Layer& layer, OpType type) {
  if (layer.inputs.size() < 2) {
    fail(ErrorKind::bad_file, "it has {} inputs, two or more are needed", layer.inputs.size());
  }
  TensorId result = layer.inputs[0];
  for (size_t i = 1; i < layer.inputs.size(); ++i) {
    const Shape& a = layer.graph.shape(result);
    const Shape& b = layer.graph.shape(layer.inputs[i]);
    if (a.rank() != b.rank()) {
      fail(ErrorKind::unsupported, "inputs of different ranks, {} and {}, are not supported",
           to_string(a), to_string(b));
    }
    result = layer.graph.binary(type, result, layer.inputs[i]);
  }
  return result;
}

Results import_add(const Layer& layer) { return chain(layer, OpType::add); }
Results import_multiply(const Layer& layer) { return chain(layer, OpType::mul); }
Results import_maximum(const Layer& layer) { return chain(layer, OpType::maximum); }
Results import_minimum(const Layer& layer) { return chain(layer, OpType::minimum); }

Results import_subtract(const Layer& layer) {
  if (layer.inputs.size() != 2) {
    fail(ErrorKind::bad_file, "it has {} inputs instead of two", layer.inputs.size());
  }
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
  if (layer.inputs.size() == 1) return layer.inputs[0];
  int64_t total = 0;
  for (const TensorId input : layer.inputs) {
    Shape other = layer.graph.shape(input);
    if (other.rank() != shape.rank()) fail(ErrorKind::bad_file, "its inputs differ in rank");
    total += other[axis];
    other[axis] = shape[axis];
    if (other != shape) {
      fail(ErrorKind::bad_file, "its inputs differ outside of axis {}: {} and {}", axis,
           to_string(shape), to_string(layer.graph.shape(input)));
    }
  }
  shape[axis] = static_cast<int32_t>(as_integer(Json(total), 1, kMaxSize, "length of its output"));
  return layer.graph.op(OpType::concatenation, layer.inputs, ConcatenationAttributes{.axis = axis},
                        shape);
}

constexpr TableRow kRows[] = {
    {"Add", import_add},
    {"Multiply", import_multiply},
    {"Maximum", import_maximum},
    {"Minimum", import_minimum},
    {"Subtract", import_subtract},
    {"Average", import_average},
    {"Concatenate", import_concatenate},
};

}  // namespace

std::span<const TableRow> merge_layers() { return kRows; }

}  // namespace smelt::keras
