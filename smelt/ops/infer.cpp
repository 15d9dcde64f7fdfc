#include "smelt/ops/infer.h"

#include <cstring>

namespace smelt {
namespace {

template <class T>
std::vector<int64_t> read_values(ByteView bytes) {
  std::vector<int64_t> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = value;
  }
  return values;
}

/// Arithmetic whose result LiteRT gives the type of its second operand, whatever the file says.
bool takes_operand_type(OpType type) {
  return type == OpType::add || type == OpType::sub || type == OpType::mul || type == OpType::div;
}

}  // namespace

std::optional<std::vector<int64_t>> index_values(const Tensor& tensor) {
  if (!tensor.is_constant || tensor.sparsity) return std::nullopt;
  return index_values(tensor.type, tensor.data.bytes());
}

std::optional<std::vector<int64_t>> index_values(DataType type, ByteView bytes) {
  const bool wide = type == DataType::int64;
  if ((type != DataType::int32 && !wide) || bytes.size() > kMaxIndexValues * (wide ? 8u : 4u)) {
    return std::nullopt;
  }
  return wide ? read_values<int64_t>(bytes) : read_values<int32_t>(bytes);
}

ShapeContext shape_context(const Graph& graph, const Op& op, const KnownContent& content) {
  std::vector<ShapeContext::Input> inputs;
  for (const TensorId id : op.inputs) {
    if (!id) {
      inputs.emplace_back();
      continue;
    }
    const Tensor& tensor = graph.tensor(id);
    inputs.push_back({.present = true, .type = tensor.type, .shape = tensor.shape});
    ShapeContext::Input& input = inputs.back();
    if (!tensor.is_constant) {
      if (content) input.data = content(id);
    } else if (!tensor.sparsity) {
      input.data = tensor.data.bytes();
    }
    if (input.data) input.values = index_values(tensor.type, *input.data);
  }
  std::vector<Shape> recorded;
  for (const TensorId id : op.outputs) recorded.push_back(id ? graph.tensor(id).shape : Shape());
  return ShapeContext(op, std::move(inputs), std::move(recorded));
}

void infer_shapes(ShapeContext& context) {
  const Op& op = context.op;
  check_arity(op);
  const OpDef& def = op_def(op.type);
  if (def.infer_shapes == nullptr) return;
  if (std::holds_alternative<OpaqueAttributes>(op.attributes) &&
      !std::holds_alternative<OpaqueAttributes>(default_attributes(op.type))) {
    fail(ErrorKind::unsupported, "its options are of a kind that is not known");
  }
  def.infer_shapes(context);
}

void infer_shapes(Graph& graph, OpId id, const KnownContent& content) {
  const Op& op = graph.op(id);
  ShapeContext context = shape_context(graph, op, content);
  infer_shapes(context);
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    if (op.outputs[i]) graph.tensor(op.outputs[i]).shape = context.output(i);
  }
  if (takes_operand_type(op.type) && op.output()) {
    graph.tensor(op.output()).type = graph.tensor(op.input(1)).type;
  }
}

}  // namespace smelt
