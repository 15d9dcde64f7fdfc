#include "smelt/ir/dump.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace smelt {
namespace {

std::string quantization_text(const Quantization& q) {
  if (!q.quantized()) return "";
  if (q.per_tensor()) return fmt::format(" scale={} zero={}", q.scale[0], q.zero_point[0]);
  return fmt::format(" scales[{}] axis={}", q.scale.size(), q.axis);
}

std::string tensor_text(const Graph& graph, TensorId id) {
  const Tensor& t = graph.tensor(id);
  return fmt::format("{}: {}{}{}", describe(graph, id), name(t.type),
                     to_string(t.shape_signature.value_or(t.shape)),
                     quantization_text(t.quantization));
}

template <class Print>
std::string joined(const std::vector<TensorId>& ids, Print&& print) {
  std::string text;
  for (const TensorId id : ids) {
    if (!text.empty()) text += ", ";
    text += print(id);
  }
  return text;
}

}  // namespace

std::string describe(const Graph& graph, TensorId id) {
  if (!id) return "none";
  if (!graph.contains(id)) return fmt::format("tensor {}", id.value);
  const Tensor& tensor = graph.tensor(id);
  return tensor.name.empty() ? fmt::format("tensor {}", id.value) : tensor.name;
}

std::string describe(const Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  const std::vector<OpId> order = graph.ops();
  const auto position = std::find(order.begin(), order.end(), id) - order.begin();
  const auto* custom = std::get_if<CustomAttributes>(&op.attributes);
  const std::string type =
      custom ? fmt::format("{} {}", name(op.type), custom->code) : std::string(name(op.type));
  if (op.origin.empty()) return fmt::format("op {} {}", position, type);
  return fmt::format("op {} {} (layer {})", position, type, op.origin);
}

std::string dump(const Graph& graph) {
  auto print = [&](TensorId id) { return describe(graph, id); };
  std::string text = fmt::format("graph {}\n", graph.name);
  for (const TensorId id : graph.inputs()) text += "  input " + tensor_text(graph, id) + "\n";
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    std::string line = joined(op.outputs, [&](TensorId t) { return tensor_text(graph, t); });
    line += fmt::format(" = {}({})", name(op.type), joined(op.inputs, print));
    const std::string attributes = to_string(op.attributes);
    if (!attributes.empty()) line += " " + attributes;
    text += "  " + line + "\n";
  }
  return text + "  output " + joined(graph.outputs(), print) + "\n";
}

std::string dump(const Model& model) {
  std::string text;
  for (const Graph& graph : model.graphs) text += dump(graph);
  return text;
}

}  // namespace smelt
