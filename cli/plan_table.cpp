#include "plan_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

/// "int8 x16": one scale for each of 16 channels.
std::string form(const TensorPlan& as) {
  const size_t scales = as.quantization.scale.size();
  std::string text(name(as.type));
  if (as.block_size > 0) {
    text += fmt::format(" blocks of {}", as.block_size);
  } else if (scales > 1) {
    text += fmt::format(" x{}", scales);
  }
  return text;
}

/// How the largest constant of the op is stored.
std::string weights(const OpPlan& plan, const Op& op, const Graph& graph) {
  const OperandPlan* largest = nullptr;
  int64_t most = 0;
  for (const OperandPlan& operand : plan.operands) {
    const Tensor* constant = graph.constant_input(op, operand.index);
    if (!constant || constant->shape.elements() <= most) continue;
    largest = &operand;
    most = constant->shape.elements();
  }
  return largest ? form(largest->as) : "";
}

/// The precisions with the numbers of ops that have them.
std::string sums(const QuantPlan& plan) {
  std::map<std::string, int> counts;
  int64_t bridges = 0;
  for (const auto& [id, op] : plan.ops) {
    if (op.precision) ++counts[std::string(name(*op.precision))];
    bridges += op.bridge_elements;
  }
  std::string text;
  for (const auto& [precision, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, precision);
  }
  return fmt::format("{} ops: {}; conversions touch {} values\n", plan.ops.size(), text,
                     format_count(bridges));
}

}  // namespace

std::string plan_table(const QuantPlan& plan, const Model& model) {
  constexpr int kWidth = 160;
  const Graph& graph = model.main();
  Table table({"#", "op", "layer", "precision", "weights", "scale", "zero", "bridge", "why"});
  int number = 0;
  for (const OpId id : graph.ops()) {
    const auto found = plan.ops.find(id);
    if (found == plan.ops.end()) continue;
    const Op& op = graph.op(id);
    const OpPlan& row = found->second;
    std::string scale, zero;
    const auto result = plan.tensors.find(op.output());
    if (result != plan.tensors.end() && result->second.quantization.per_tensor()) {
      scale = fmt::format("{:.4g}", result->second.quantization.scale[0]);
      zero = fmt::format("{}", result->second.quantization.zero_point[0]);
    }
    table.add({fmt::format("{}", number++), std::string(name(op.type)), op.origin,
               row.precision ? std::string(name(*row.precision)) : "", weights(row, op, graph),
               scale, zero, row.bridge_elements > 0 ? format_count(row.bridge_elements) : "",
               row.reason});
  }
  return table.text(kWidth) + sums(plan);
}

}  // namespace smelt::cli
