#include "smelt/passes/op_emitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace smelt {
namespace {

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

OpId OpEmitter::place(Op op) {
  op.origin = layer_;
  return before_ ? graph_.insert_before(before_, std::move(op)) : graph_.add_op(std::move(op));
}

TensorId OpEmitter::add(Tensor tensor) {
  tensor.name = fmt::format("{}/{}{}", layer_, tensor.name, count_++);
  tensor.origin = layer_;
  return graph_.add_tensor(std::move(tensor));
}

std::vector<TensorId> OpEmitter::many(OpType type, std::vector<TensorId> inputs,
                                      Attributes attributes, size_t count, const Shape& shape,
                                      DataType out_type) {
  std::vector<TensorId> results;
  for (size_t i = 0; i < count; ++i) {
    Tensor tensor{.name = lower_case(name(type)), .type = out_type, .shape = shape};
    if (open_batch_ && shape.rank() > 0) {
      tensor.shape_signature = shape;
      (*tensor.shape_signature)[0] = Shape::kUnknown;
    }
    results.push_back(add(std::move(tensor)));
  }
  place({.type = type,
         .inputs = std::move(inputs),
         .outputs = results,
         .attributes = std::move(attributes)});
  return results;
}

TensorId OpEmitter::op(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                       Shape shape, DataType out_type) {
  return many(type, std::move(inputs), std::move(attributes), 1, shape, out_type).front();
}

TensorId OpEmitter::unary(OpType type, TensorId x) {
  return op(type, {x}, default_attributes(type), Shape(shape(x)), graph_.tensor(x).type);
}

TensorId OpEmitter::binary(OpType type, TensorId x, TensorId y) {
  return op(type, {x, y}, default_attributes(type), broadcast(shape(x), shape(y)));
}

TensorId OpEmitter::scalar(float value) {
  TensorId& id = scalars_.try_emplace(value, TensorId::none).first->second;
  if (!id) id = constant<float>("constant", {}, {value});
  return id;
}

TensorId OpEmitter::ints(const std::vector<int32_t>& values) {
  TensorId& id = ints_.try_emplace(values, TensorId::none).first->second;
  if (!id) id = constant("constant", {static_cast<int32_t>(values.size())}, values);
  return id;
}

TensorId OpEmitter::int_scalar(int32_t value) {
  TensorId& id = int_scalars_.try_emplace(value, TensorId::none).first->second;
  if (!id) id = constant<int32_t>("constant", {}, {value});
  return id;
}

TensorId OpEmitter::dense(TensorId x, TensorId weights, TensorId bias) {
  Shape result = shape(x);
  result[result.rank() - 1] = shape(weights)[0];
  const FullyConnectedAttributes attributes{.keep_num_dims = result.rank() != 2};
  return op(OpType::fully_connected, {x, weights, bias}, attributes, result);
}

TensorId OpEmitter::slice(TensorId x, int32_t begin, int32_t end, bool drop_axis) {
  const Tensor& from = graph_.tensor(x);
  const int rank = from.shape.rank();
  const auto size = static_cast<size_t>(rank);
  std::vector<int32_t> first(size, 0), last(size, 0), dims = from.shape.dims();
  first[1] = begin;
  last[1] = end;
  dims[1] = end - begin;
  if (drop_axis) dims.erase(dims.begin() + 1);
  const int32_t others = ((1 << rank) - 1) & ~2;
  const StridedSliceAttributes attributes{
      .begin_mask = others, .end_mask = others, .shrink_axis_mask = drop_axis ? 2 : 0};
  const DataType type = from.type;
  return op(OpType::strided_slice,
            {x, ints(first), ints(last), ints(std::vector<int32_t>(size, 1))}, attributes,
            Shape(std::move(dims)), type);
}

}  // namespace smelt
