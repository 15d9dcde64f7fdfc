#include "smelt/run/plan_part.h"

#include "smelt/run/resolve.h"

namespace smelt {
namespace {

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
    if (!id || graph_.tensor(id).is_constant || graph_.tensor(id).type == DataType::resource)
      return;
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

}  // namespace

void check_memory(int64_t bytes, const ProgramOptions& options) {
  if (bytes <= options.max_arena_bytes) return;
  fail(ErrorKind::unsupported, "the model needs {} bytes of memory for its tensors; {} are allowed",
       bytes, options.max_arena_bytes);
}

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
  check_memory(plan.arena_bytes, options);
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

}  // namespace smelt
