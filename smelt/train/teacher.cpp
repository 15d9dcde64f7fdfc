#include "smelt/train/teacher.h"

#include <algorithm>
#include <exception>

#include "smelt/base/error.h"
#include "smelt/passes/pipeline.h"
#include "smelt/run/batch.h"
#include "smelt/run/real_values.h"

namespace smelt::train {
namespace {

void check_inputs(const Graph& graph, const std::vector<Value*>& inputs) {
  if (graph.inputs().size() != inputs.size()) {
    fail(ErrorKind::bad_argument, "the teacher has {} inputs, the student {}",
         graph.inputs().size(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& input = graph.tensor(graph.inputs()[i]);
    if (input.shape.elements() == inputs[i]->size) continue;
    fail(ErrorKind::bad_argument,
         "input '{}' of the teacher has shape {}, input '{}' of the student {}", input.name,
         to_string(input.shape), inputs[i]->name, to_string(inputs[i]->shape));
  }
}

}  // namespace

Teacher::Teacher(Model model, std::vector<TensorId> results, const std::vector<Value*>& inputs,
                 int64_t max_samples, int threads) {
  check_inputs(model.main(), inputs);
  model.signatures.clear();  // they name other outputs
  model.main().set_outputs(std::move(results));
  if (!training_form_op(model.main()).empty()) run_pipeline(model, inference_pipeline());
  const int64_t share = (max_samples + threads - 1) / threads;
  const int batch = static_cast<int>(std::min<int64_t>(choose_batch(model, max_samples), share));
  program_ = Program::prepare(model, {.batch = batch});
  for (int worker = 0; worker < threads; ++worker) {
    interpreters_.push_back(std::make_unique<Interpreter>(program_));
  }
  const Graph& graph = program_->graph();
  for (const TensorId id : graph.outputs()) {
    const Tensor& tensor = graph.tensor(id);
    const int64_t size = tensor.shape.elements() / batch;
    results_.push_back({.name = tensor.name,
                        .size = size,
                        .data = std::vector<float>(static_cast<size_t>(size * max_samples))});
  }
}

void Teacher::run_slice(Interpreter& interpreter, const std::vector<Value*>& inputs,
                        RowRange samples) {
  const Graph& graph = program_->graph();
  const auto count = static_cast<size_t>(samples.end - samples.begin);
  const auto batch = static_cast<size_t>(program_->options().batch);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::span<uint8_t> bytes = interpreter.input_bytes(i);
    store_real(graph.tensor(graph.inputs()[i]),
               {inputs[i]->sample(samples.begin), count * static_cast<size_t>(inputs[i]->size)},
               bytes.first(bytes.size() / batch * count));
  }
  if (program_->stateful()) interpreter.reset();
  interpreter.invoke();
  for (size_t i = 0; i < results_.size(); ++i) {
    Result& result = results_[i];
    const std::span<const uint8_t> bytes = interpreter.output_bytes(i);
    load_real(graph.tensor(graph.outputs()[i]), bytes.first(bytes.size() / batch * count),
              {result.data.data() + samples.begin * result.size,
               count * static_cast<size_t>(result.size)});
  }
}

void Teacher::run(const Step& step, const std::vector<Value*>& inputs) {
  const int64_t batch = program_->options().batch;
  const int64_t slices = (step.samples + batch - 1) / batch;
  std::vector<std::exception_ptr> errors(static_cast<size_t>(slices));  // of dynamic programs
  const auto slice = [&](int worker, int64_t task) {
    try {
      run_slice(*interpreters_.at(static_cast<size_t>(worker)), inputs,
                {task * batch, std::min(step.samples, (task + 1) * batch)});
    } catch (...) {
      errors[static_cast<size_t>(task)] = std::current_exception();
    }
  };
  if (step.workers != nullptr) {
    step.workers->run(slices, slice);
  } else {
    for (int64_t task = 0; task < slices; ++task) slice(0, task);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

TensorId find_feature(const Graph& graph, const std::string& name, std::string_view whose) {
  for (const TensorId id : graph.tensors()) {
    if (graph.tensor(id).name == name && !graph.tensor(id).is_constant) return id;
  }
  TensorId last = TensorId::none;
  for (const OpId id : graph.ops()) {
    if (graph.op(id).origin == name) last = graph.op(id).output();
  }
  if (last) return last;
  fail(ErrorKind::bad_argument, "feature '{}': the {} has no tensor and no layer of that name",
       name, whose);
}

}  // namespace smelt::train
