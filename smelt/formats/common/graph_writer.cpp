#include "smelt/formats/common/graph_writer.h"

#include <algorithm>

#include "smelt/ir/verify.h"

namespace smelt {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return result;
}

/// Unknown batch, the rest as it is.
Shape signature_of(Shape shape) {
  if (shape.rank() > 0) shape[0] = Shape::kUnknown;
  return shape;
}

}  // namespace

std::string GraphWriter::unique(std::string name) {
  const int seen = names_[name]++;
  if (seen == 0) return name;
  return unique(fmt::format("{}_{}", name, seen));
}

void GraphWriter::begin_layer(const std::string& name) {
  const int call = calls_[name]++;
  layer_.origin = name;
  layer_.call_name = call == 0 ? name : fmt::format("{}/call{}", name, call);
  layer_.first_new_tensor = tensor_count_;
}

void GraphWriter::end_layer(std::span<const TensorId> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].value < layer_.first_new_tensor) continue;
    graph_.tensor(results[i]).name =
        unique(i == 0 ? layer_.call_name : fmt::format("{}:{}", layer_.call_name, i));
  }
}

TensorId GraphWriter::input(const std::string& name, DataType type, Shape shape) {
  Tensor tensor{.name = unique(name), .type = type, .shape = shape, .origin = name};
  tensor.shape_signature = signature_of(std::move(shape));
  return add(std::move(tensor));
}

TensorId GraphWriter::add(Tensor tensor) {
  ++tensor_count_;
  return graph_.add_tensor(std::move(tensor));
}

TensorId GraphWriter::op(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                         Shape shape, DataType out_type) {
  return results(type, std::move(inputs), std::move(attributes), {&shape, 1}, {&out_type, 1})[0];
}

std::vector<TensorId> GraphWriter::results(OpType type, std::vector<TensorId> inputs,
                                           Attributes attributes, std::span<const Shape> shapes,
                                           std::span<const DataType> types) {
  constexpr size_t kMaxOps = 100'000;
  constexpr int64_t kMaxElements = int64_t{1} << 31;
  if (graph_.op_count() >= kMaxOps) {
    fail(ErrorKind::unsupported, "the model has over {} ops", kMaxOps);
  }
  std::vector<TensorId> outputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i].elements() > kMaxElements) {
      fail(ErrorKind::unsupported, "its output {} is too large", to_string(shapes[i]));
    }
    Tensor tensor{.name = unique(fmt::format("{}/{}", layer_.call_name, lower(smelt::name(type)))),
                  .type = types[i],
                  .shape = shapes[i],
                  .origin = layer_.origin};
    tensor.shape_signature = signature_of(shapes[i]);
    outputs.push_back(add(std::move(tensor)));
  }
  graph_.add_op({.type = type,
                 .inputs = std::move(inputs),
                 .outputs = outputs,
                 .attributes = std::move(attributes),
                 .origin = layer_.origin});
  return outputs;
}

void GraphWriter::widen_batch(int32_t first, int32_t factor) {
  for (int32_t i = first; i < tensor_count_; ++i) {
    Tensor& tensor = graph_.tensor(TensorId{i});
    const bool has_batch = !tensor.is_constant && tensor.shape.rank() > 0 &&
                           tensor.shape_signature &&
                           (*tensor.shape_signature)[0] == Shape::kUnknown;
    if (has_batch) {
      tensor.shape[0] =
          static_cast<int32_t>(std::min<int64_t>(int64_t{tensor.shape[0]} * factor, INT32_MAX));
    }
  }
}

TensorId GraphWriter::unary(OpType type, TensorId x) {
  return op(type, {x}, default_attributes(type), shape(x));
}

TensorId GraphWriter::binary(OpType type, TensorId x, TensorId y) {
  return op(type, {x, y}, default_attributes(type), broadcast(shape(x), shape(y)));
}

TensorId GraphWriter::constant(Tensor tensor) {
  tensor.name = unique(tensor.name);
  tensor.origin = layer_.origin;
  return add(std::move(tensor));
}

TensorId GraphWriter::scalar(float value) {
  return constant(Tensor::constant<float>(layer_.call_name + "/constant", {}, {value}));
}

TensorId GraphWriter::ints(const std::string& role, const std::vector<int32_t>& values,
                           Shape shape) {
  return constant(Tensor::constant(layer_.call_name + "/" + role, std::move(shape), values));
}

Graph GraphWriter::finish(std::vector<TensorId> inputs, std::vector<TensorId> outputs) && {
  graph_.name = "main";
  graph_.set_inputs(std::move(inputs));
  graph_.set_outputs(std::move(outputs));
  verify(graph_);
  return std::move(graph_);
}

}  // namespace smelt
