#include "smelt/run/program.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"
#include "smelt/run/batch.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

void drop_constant_inputs(Graph& graph) {
  std::vector<TensorId> inputs = graph.inputs();
  std::erase_if(inputs, [&](TensorId id) { return graph.tensor(id).is_constant; });
  graph.set_inputs(std::move(inputs));
}

std::vector<Step> prepare_steps(const Graph& graph, const Graph& names,
                                const ProgramOptions& options) {
  std::vector<Step> steps;
  for (const OpId id : graph.ops()) {
    with_context(
        [&] { return describe(names, id); },
        [&] {
          steps.push_back({.op = id,
                           .kernel = prepare_op(graph, id, options.kernels, options.numerics),
                           .inputs = graph.op(id).inputs,
                           .outputs = graph.op(id).outputs});
        });
  }
  return steps;
}

/// Collects from when to when each value is needed. Time 0 is before the first step, step i runs at
/// time i + 1.
class Liveness {
 public:
  Liveness(const Graph& graph, const std::vector<Step>& steps, bool keep_all) : graph_(graph) {
    const int end = static_cast<int>(steps.size()) + 1;
    for (const TensorId id : graph.inputs()) touch(id, 0);
    for (size_t i = 0; i < steps.size(); ++i) {
      const int time = static_cast<int>(i) + 1;
      for (const TensorId id : steps[i].inputs) touch(id, time);
      for (const TensorId id : steps[i].outputs) touch(id, time);
    }
    for (const TensorId id : graph.outputs()) touch(id, end);
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (!keep_all && !graph.tensor(tensors_[i]).is_variable) continue;
      requests_[i].first = 0;
      requests_[i].last = end;
    }
  }

  const std::vector<TensorId>& tensors() const { return tensors_; }
  const std::vector<MemoryRequest>& requests() const { return requests_; }

 private:
  void touch(TensorId id, int time) {
    if (!id || graph_.tensor(id).is_constant) return;
    const auto index = static_cast<size_t>(id.value);
    if (index >= position_.size()) position_.resize(index + 1, -1);
    if (position_[index] < 0) {
      position_[index] = static_cast<int>(tensors_.size());
      tensors_.push_back(id);
      requests_.push_back({.bytes = value_bytes(graph_.tensor(id)), .first = time, .last = time});
    }
    requests_[static_cast<size_t>(position_[index])].last = time;
  }

  const Graph& graph_;
  std::vector<TensorId> tensors_;
  std::vector<MemoryRequest> requests_;
  std::vector<int> position_;  ///< per tensor id, in tensors_; -1: none yet
};

MemoryPlan plan_memory(const Graph& graph, const std::vector<Step>& steps,
                       const ProgramOptions& options) {
  const Liveness liveness(graph, steps, options.keep_all);
  std::vector<MemoryRequest> requests = liveness.requests();
  for (size_t i = 0; i < steps.size(); ++i) {
    const int time = static_cast<int>(i) + 1;
    requests.push_back({.bytes = steps[i].kernel.scratch_bytes, .first = time, .last = time});
  }
  const int end = static_cast<int>(steps.size()) + 1;
  for (const Step& step : steps) {
    requests.push_back({.bytes = step.kernel.state_bytes, .first = 0, .last = end});
  }
  MemoryPlan plan;
  constexpr int64_t kAlignment = 64;
  const std::vector<int64_t> offsets = plan_greedily(requests, kAlignment, plan.arena_bytes);
  if (plan.arena_bytes > options.max_arena_bytes) {
    fail(ErrorKind::unsupported,
         "the model needs {} bytes of memory for its tensors; {} are allowed", plan.arena_bytes,
         options.max_arena_bytes);
  }
  const size_t tensors = liveness.tensors().size();
  for (size_t i = 0; i < tensors; ++i) {
    const auto index = static_cast<size_t>(liveness.tensors()[i].value);
    if (index >= plan.offset.size()) plan.offset.resize(index + 1, -1);
    plan.offset[index] = offsets[i];
  }
  const auto scratch = offsets.begin() + static_cast<std::ptrdiff_t>(tensors);
  const auto state = scratch + static_cast<std::ptrdiff_t>(steps.size());
  plan.scratch_offset.assign(scratch, state);
  plan.state_offset.assign(state, offsets.end());
  return plan;
}

}  // namespace

std::shared_ptr<const Program> Program::prepare(const Model& model, const ProgramOptions& options) {
  verify(model);
  if (options.batch != 1 && !batchable(model)) {
    fail(ErrorKind::bad_argument, "the model cannot run {} samples at once", options.batch);
  }
  std::shared_ptr<Program> program(new Program);
  program->model_ = model;
  program->options_ = options;
  Graph& graph = program->model_.main();
  drop_constant_inputs(graph);
  if (options.batch != 1) set_batch(graph, options.batch);
  resolve(graph, model.main(), {.kernels = options.kernels, .numerics = options.numerics});
  program->steps_ = prepare_steps(graph, model.main(), options);
  program->memory_ = plan_memory(graph, program->steps_, options);
  return program;
}

}  // namespace smelt
