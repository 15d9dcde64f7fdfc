// Pattern   two ops of one type with the same operands and attributes
// Result    the first one, read by the readers of both
// Before    the op has one result and nothing but its operands decides about it; constants count as
//           the same where they are small and equal

#include <map>

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"
#include "smelt/run/calls.h"

namespace smelt {
namespace {

bool depends_on_operands_alone(const Graph& graph, const Op& op) {
  switch (op.type) {
    case OpType::random_uniform:
    case OpType::random_standard_normal:
    case OpType::multinomial:
    case OpType::custom:
    case OpType::dropout:
      return false;
    default:
      break;
  }
  if (is_control(op.type) || op.outputs.size() != 1 || op.inputs.empty()) return false;
  for (const TensorId id : op.inputs) {
    if (id && (graph.tensor(id).is_variable || graph.tensor(id).type == DataType::resource)) {
      return false;
    }
  }
  return true;
}

/// What tells an operand from another.
std::string identity_of(const Graph& graph, TensorId id) {
  constexpr size_t kSmall = 256;
  if (!id) return "none";
  const Tensor& tensor = graph.tensor(id);
  if (!tensor.is_constant || tensor.data.size() > kSmall || tensor.sparsity) {
    return fmt::format("#{}", id.value);
  }
  const auto bytes = tensor.data.as<uint8_t>();
  return fmt::format("{}{}:{}", name(tensor.type), to_string(tensor.shape),
                     std::string(bytes.begin(), bytes.end()));
}

std::string identity_of(const Graph& graph, const Op& op) {
  std::string text = fmt::format("{} {}", name(op.type), to_string(op.attributes));
  for (const TensorId input : op.inputs) text += "|" + identity_of(graph, input);
  return text;
}

}  // namespace

int merge_equal_ops(Graph& graph) {
  int rewrites = 0;
  std::map<std::string, TensorId> known;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (!depends_on_operands_alone(graph, op)) continue;
    const TensorId result = op.output();
    const auto [found, is_new] = known.emplace(identity_of(graph, op), result);
    if (is_new) continue;
    const Tensor& first = graph.tensor(found->second);
    const Tensor& second = graph.tensor(result);
    const OpId other = graph.producer(found->second);
    const bool same = first.type == second.type && first.shape == second.shape &&
                      first.quantization == second.quantization && other &&
                      graph.op(other).attributes == op.attributes;
    // Outputs of the graph keep their tensors.
    if (!same || graph.is_output(result)) continue;
    rewrites += replace_by(graph, id, found->second);
  }
  return rewrites;
}

}  // namespace smelt
