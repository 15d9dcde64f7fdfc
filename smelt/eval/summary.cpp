#include "smelt/eval/summary.h"

#include "smelt/ir/dump.h"
#include "smelt/ops/macs.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

TensorSummary summarize_tensor(const Graph& graph, TensorId id) {
  const Tensor& tensor = graph.tensor(id);
  TensorSummary summary{.name = describe(graph, id),
                        .type = std::string(name(tensor.type)),
                        .shape = tensor.shape_signature.value_or(tensor.shape)};
  if (tensor.quantization.per_tensor()) {
    summary.scale = tensor.quantization.scale[0];
    summary.zero_point = tensor.quantization.zero_point[0];
  }
  return summary;
}

std::string weight_text(const Tensor& weight) {
  std::string text(name(weight.type));
  if (weight.quantization.per_axis()) text += " per channel";
  return text;
}

/// What a constant is to the ops that read it.
enum class ConstantKind { weight, bias, other };

ConstantKind kind_of(const Graph& graph, TensorId id) {
  const Tensor& tensor = graph.tensor(id);
  for (const OpId reader : graph.consumers(id)) {
    const Op& op = graph.op(reader);
    const int bias = op_def(op.type).quantization.bias;
    if (bias >= 0 && op.input(static_cast<size_t>(bias)) == id) return ConstantKind::bias;
  }
  const bool numbers = is_floating_point(tensor.type) || tensor.quantization.quantized();
  return numbers ? ConstantKind::weight : ConstantKind::other;
}

OpSummary summarize_op(const Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  OpSummary summary{.type = std::string(name(op.type)), .attributes = to_string(op.attributes)};
  if (const auto* custom = std::get_if<CustomAttributes>(&op.attributes)) {
    summary.type = custom->code;
  }
  if (op.output()) summary.output = summarize_tensor(graph, op.output());
  summary.name = op.origin.empty() ? summary.output.name : op.origin;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (const Tensor* constant = graph.constant_input(op, i)) {
      const ConstantKind kind = kind_of(graph, op.inputs[i]);
      if (kind != ConstantKind::other) summary.parameters += constant->shape.elements();
      if (kind == ConstantKind::weight && summary.weight_quantization.empty()) {
        summary.weight_quantization = weight_text(*constant);
      }
    } else if (op.inputs[i]) {
      summary.inputs.push_back(describe(graph, op.inputs[i]));
    }
  }
  summary.macs = macs(graph, id);
  return summary;
}

void add_bytes(const Graph& graph, ModelSummary& summary) {
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    summary.name_bytes += static_cast<int64_t>(tensor.name.size());
    const Quantization& q = tensor.quantization;
    summary.quantization_bytes += static_cast<int64_t>(
        q.scale.size() * sizeof(float) + q.zero_point.size() * sizeof(int64_t) +
        (q.min.size() + q.max.size()) * sizeof(float));
    if (!tensor.is_constant) continue;
    const auto bytes = static_cast<int64_t>(tensor.data.size());
    switch (kind_of(graph, id)) {
      case ConstantKind::weight:
        summary.weight_bytes += bytes;
        break;
      case ConstantKind::bias:
        summary.bias_bytes += bytes;
        break;
      case ConstantKind::other:
        summary.other_constant_bytes += bytes;
        break;
    }
  }
}

}  // namespace

ModelSummary summarize(const Model& model) {
  ModelSummary summary{.path = model.source.path,
                       .format = model.source.format,
                       .description = model.description,
                       .file_bytes = model.source.file_bytes,
                       .subgraphs = model.graphs.size()};
  const Graph& graph = model.main();
  for (const TensorId id : graph.inputs()) summary.inputs.push_back(summarize_tensor(graph, id));
  for (const TensorId id : graph.outputs()) summary.outputs.push_back(summarize_tensor(graph, id));
  for (const OpId id : graph.ops()) summary.ops.push_back(summarize_op(graph, id));
  for (const OpSummary& op : summary.ops) {
    summary.parameters += op.parameters;
    summary.macs += op.macs;
  }
  for (const Graph& each : model.graphs) add_bytes(each, summary);
  for (const Metadata& entry : model.metadata) {
    summary.metadata_bytes += static_cast<int64_t>(entry.data.size());
  }
  summary.arena = summarize_arena(model, &summary.arena_unknown_because);
  return summary;
}

std::optional<ArenaSummary> summarize_arena(const Model& model, std::string* why) {
  try {
    for (const OpId id : model.main().ops()) {
      if (builtin_code(model.main().op(id).type) >= 0) continue;
      fail(ErrorKind::unsupported, "the model is in training form; see what `convert` writes");
    }
    ArenaEstimate mcu = estimate_arena(model);
    ArenaSummary summary{.host_bytes = estimate_arena(model, MicroTarget::host).used(),
                         .mcu_bytes = mcu.total(),
                         .head = mcu.head,
                         .tail = mcu.persistent};
    if (mcu.peak_op) summary.peak_op = describe(model.graphs[mcu.peak_op->graph], mcu.peak_op->op);
    summary.peak_tensors = std::move(mcu.peak);
    return summary;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) throw;
    if (why != nullptr) *why = error.what();
    return std::nullopt;
  }
}

std::optional<int64_t> micro_arena_bytes(const Model& model, std::string* why) {
  const std::optional<ArenaSummary> arena = summarize_arena(model, why);
  if (!arena) return std::nullopt;
  return arena->mcu_bytes;
}

}  // namespace smelt
