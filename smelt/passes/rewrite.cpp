#include "smelt/passes/rewrite.h"

#include <algorithm>

namespace smelt {

OpId sole_reader(const Graph& graph, TensorId id) {
  const std::vector<OpId>& readers = graph.consumers(id);
  return readers.size() == 1 && !graph.is_output(id) ? readers.front() : OpId::none;
}

std::optional<std::span<const float>> float_constant(const Graph& graph, const Op& op,
                                                     size_t index) {
  const Tensor* tensor = graph.constant_input(op, index);
  if (!tensor || tensor->type != DataType::float32 || tensor->sparsity) return std::nullopt;
  return tensor->data.as<float>();
}

std::optional<std::vector<int64_t>> int_constant(const Graph& graph, const Op& op, size_t index) {
  const Tensor* tensor = graph.constant_input(op, index);
  if (!tensor || tensor->sparsity) return std::nullopt;
  if (tensor->type == DataType::int32) {
    const auto values = tensor->data.as<int32_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  if (tensor->type == DataType::int64) {
    const auto values = tensor->data.as<int64_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  return std::nullopt;
}

bool replace_by(Graph& graph, OpId id, TensorId value) {
  const TensorId result = graph.op(id).output();
  if (!graph.is_output(result)) {
    graph.replace_uses(result, value);
    graph.erase(id);
    return true;
  }
  const OpId producer = graph.producer(value);
  if (!producer || graph.is_output(value)) return false;
  const std::vector<TensorId>& outputs = graph.op(producer).outputs;
  const auto position = std::find(outputs.begin(), outputs.end(), value) - outputs.begin();
  graph.erase(id);
  graph.set_op_output(producer, static_cast<size_t>(position), result);
  graph.replace_uses(value, result);
  return true;
}

void absorb(Graph& graph, OpId first, OpId second) {
  const TensorId result = graph.op(second).output();
  graph.erase(second);
  graph.set_op_output(first, 0, result);
}

void set_float_operand(Graph& graph, OpId id, size_t index, Shape shape,
                       const std::vector<float>& values, std::string_view role) {
  const Op& op = graph.op(id);
  const Tensor* old = graph.constant_input(op, index);
  const std::string& layer = op.origin.empty() ? graph.tensor(op.output()).name : op.origin;
  Tensor tensor = Tensor::constant(old ? old->name : fmt::format("{}/{}", layer, role),
                                   std::move(shape), values);
  tensor.origin = old ? old->origin : op.origin;
  const TensorId replaced = op.input(index);
  std::vector<TensorId> inputs = op.inputs;
  if (inputs.size() <= index) inputs.resize(index + 1, TensorId::none);
  inputs[index] = graph.add_tensor(std::move(tensor));
  graph.set_op_inputs(id, std::move(inputs));
  // At once, not in remove_dead: large models would hold their weights twice until then.
  const bool used = replaced && (graph.is_output(replaced) || graph.is_input(replaced) ||
                                 !graph.consumers(replaced).empty());
  if (replaced && !used) graph.erase(replaced);
}

void set_activation(Attributes& attributes, Activation activation) {
  std::visit(
      [&](auto& a) {
        if constexpr (requires { a.activation = activation; }) a.activation = activation;
      },
      attributes);
}

}  // namespace smelt
