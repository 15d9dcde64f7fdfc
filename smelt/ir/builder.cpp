#include "smelt/ir/builder.h"

#include "smelt/ir/verify.h"

namespace smelt {

TensorId GraphBuilder::input(std::string name, DataType type, Shape shape,
                             Quantization quantization) {
  const TensorId id = tensor({.name = std::move(name),
                              .type = type,
                              .shape = std::move(shape),
                              .quantization = std::move(quantization)});
  inputs_.push_back(id);
  return id;
}

TensorId GraphBuilder::op(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                          std::string name, DataType out_type, Shape out_shape,
                          Quantization out_quantization) {
  const TensorId out = tensor({.name = name,
                               .type = out_type,
                               .shape = std::move(out_shape),
                               .quantization = std::move(out_quantization),
                               .origin = name});
  op(type, std::move(inputs), {out}, std::move(attributes), std::move(name));
  return out;
}

OpId GraphBuilder::op(OpType type, std::vector<TensorId> inputs, std::vector<TensorId> outputs,
                      Attributes attributes, std::string origin) {
  return graph_.add_op({.type = type,
                        .inputs = std::move(inputs),
                        .outputs = std::move(outputs),
                        .attributes = std::move(attributes),
                        .origin = std::move(origin)});
}

void GraphBuilder::output(TensorId id) { outputs_.push_back(id); }

Graph GraphBuilder::build() && {
  graph_.set_inputs(inputs_);
  graph_.set_outputs(outputs_);
  verify(graph_);
  return std::move(graph_);
}

Model GraphBuilder::build_model() && {
  Model model;
  model.graphs.push_back(std::move(*this).build());
  return model;
}

}  // namespace smelt
