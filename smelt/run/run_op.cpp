#include "smelt/run/run_op.h"

#include "smelt/run/interpreter.h"

namespace smelt {
namespace {

Model model_of(const Op& op, std::span<const Tensor> operands, std::span<const Tensor> results) {
  Graph alone;
  Op copy = op;
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < copy.inputs.size(); ++i) {
    if (!copy.inputs[i]) continue;
    copy.inputs[i] = alone.add_tensor(operands[i]);
    if (!operands[i].is_constant) inputs.push_back(copy.inputs[i]);
  }
  for (size_t i = 0; i < copy.outputs.size(); ++i) {
    if (copy.outputs[i]) copy.outputs[i] = alone.add_tensor(results[i]);
  }
  copy.intermediates.clear();
  alone.set_inputs(inputs);
  alone.set_outputs(copy.outputs);
  alone.add_op(std::move(copy));
  Model model;
  model.graphs.push_back(std::move(alone));
  return model;
}

}  // namespace

std::optional<std::vector<Tensor>> run_op(const Op& op, std::span<const Tensor> operands,
                                          std::span<const Tensor> results) {
  std::shared_ptr<const Program> program;
  try {
    program = Program::prepare(model_of(op, operands, results));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unsupported) return std::nullopt;
    throw;
  }
  Interpreter interpreter(program);
  interpreter.invoke();
  std::vector<Tensor> computed(results.begin(), results.end());
  for (size_t i = 0; i < computed.size(); ++i) {
    const Tensor& y = program->graph().tensor(program->graph().outputs()[i]);
    computed[i].type = y.type;
    computed[i].shape = interpreter.output_shape(i);
    computed[i].shape_signature.reset();
    computed[i].data = Buffer::copy_of(interpreter.output_bytes(i));
    computed[i].is_constant = true;
  }
  return computed;
}

}  // namespace smelt
