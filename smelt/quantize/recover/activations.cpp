#include "smelt/quantize/recover/activations.h"

#include <algorithm>

#include "smelt/run/real_values.h"
#include "smelt/run/run_samples.h"

namespace smelt {

Model cut_out(const Model& model, OpId op) {
  Model result = model;
  result.signatures.clear();
  Graph& graph = result.main();
  for (const OpId other : graph.ops()) {
    if (!(other == op)) graph.erase(other);
  }
  std::vector<TensorId> inputs;
  for (const TensorId id : graph.op(op).inputs) {
    if (!id || graph.tensor(id).is_constant || graph.tensor(id).is_variable) continue;
    if (std::find(inputs.begin(), inputs.end(), id) == inputs.end()) inputs.push_back(id);
  }
  graph.set_inputs(std::move(inputs));
  std::vector<TensorId> outputs = graph.op(op).outputs;
  std::erase_if(outputs, [](TensorId id) { return !id; });
  graph.set_outputs(std::move(outputs));
  graph.erase_unused_tensors();
  return result;
}

QuantPlan plan_for(const QuantPlan& plan, const Graph& one_op) {
  QuantPlan result{.recipe = plan.recipe};
  result.recipe.io = IoType::int8;
  for (const auto& [id, tensor] : plan.tensors) {
    if (one_op.contains(id)) result.tensors.emplace(id, tensor);
  }
  for (const auto& [id, op] : plan.ops) {
    if (one_op.contains(id)) result.ops.emplace(id, op);
  }
  return result;
}

Tensor form_in(const QuantPlan& plan, const Graph& graph, TensorId id) {
  Tensor form = graph.tensor(id);
  if (const auto found = plan.tensors.find(id); found != plan.tensors.end()) {
    form.type = found->second.type;
    form.quantization = found->second.quantization;
  }
  return form;
}

void run_op(const Model& one_op, Activations& activations, int threads) {
  SampleRunOptions options{.threads = threads};
  const auto program = prepare_for_samples(one_op, activations.samples(), options);
  const Graph& graph = program->graph();
  if (program->dynamic()) {
    fail(ErrorKind::unsupported,
         "recovery wants shapes that are known beforehand, and those of {} depend on data; "
         "quantize without --recover",
         graph.tensor(graph.outputs().at(0)).name);
  }
  const auto batch = static_cast<size_t>(program->options().batch);
  const Interpreter sizes(program);
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    activations.reserve(graph.outputs()[i], sizes.output_bytes(i).size() / batch);
  }
  run_samples(
      program, activations.samples(), options,
      [&](int64_t sample, const SampleInputs& inputs) {
        for (size_t i = 0; i < inputs.count(); ++i) {
          const auto from = std::as_const(activations).sample(graph.inputs()[i], sample);
          SMELT_CHECK(from.size() == inputs.bytes(i).size());
          std::copy(from.begin(), from.end(), inputs.bytes(i).begin());
        }
      },
      [&](int64_t sample, const SampleOutputs& outputs) {
        for (size_t i = 0; i < outputs.count(); ++i) {
          const auto from = outputs.bytes(i);
          std::copy(from.begin(), from.end(),
                    activations.sample(graph.outputs()[i], sample).begin());
        }
      });
}

void load_sample(const Activations& activations, const Tensor& form, int64_t sample, TensorId id,
                 std::vector<float>& values) {
  values.resize(static_cast<size_t>(form.shape.elements()));
  load_real(form, activations.sample(id, sample), values);
}

}  // namespace smelt
