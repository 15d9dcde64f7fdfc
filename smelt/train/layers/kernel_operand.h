#pragma once

#include "smelt/kernels/kernel.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// A tensor of the graph as its op's kernel sees it, so that plans which kernels make (windows,
/// broadcasting, reductions) serve the layers too.
inline smelt::Operand kernel_operand(const Graph& graph, TensorId id) {
  if (!id) return {};
  const Tensor& tensor = graph.tensor(id);
  smelt::Operand view{.id = id, .name = tensor.name, .type = tensor.type, .shape = tensor.shape};
  view.quantization = &tensor.quantization;
  if (tensor.is_constant) view.constant = tensor.data.bytes().data();
  return view;
}

/// The op with all its operands and results, as it is prepared.
inline PrepareArgs kernel_arguments(const Graph& graph, const Op& op) {
  PrepareArgs args{.op = op, .inputs = {}, .outputs = {}};
  for (const TensorId id : op.inputs) args.inputs.push_back(kernel_operand(graph, id));
  for (const TensorId id : op.outputs) args.outputs.push_back(kernel_operand(graph, id));
  return args;
}

}  // namespace smelt::train
