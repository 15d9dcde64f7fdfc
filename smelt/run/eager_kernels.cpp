// The part of EagerRun that infers shapes and finds the kernel for them.

#include <algorithm>
#include <cstring>

#include "smelt/ops/infer.h"
#include "smelt/run/eager_run.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

/// Kernels that a step keeps; the oldest goes first.
constexpr size_t kMostKernels = 8;

bool is_small_index(const Tensor& tensor, size_t bytes) {
  const bool index = tensor.type == DataType::int32 || tensor.type == DataType::int64;
  return index && !tensor.is_constant && bytes <= static_cast<size_t>(kMaxIndexValues) * 8;
}

ByteView view(const std::byte* data, size_t bytes) {
  return {reinterpret_cast<const uint8_t*>(data), bytes};
}

}  // namespace

void EagerRun::infer(Frame& frame, OpId id) {
  infer_shapes(frame.graph, id, [&](TensorId input) -> std::optional<ByteView> {
    const Value& value = frame.value(input);
    return view(value.data, value.bytes);
  });
}

bool EagerRun::fits(const Frame& frame, const Step& step, const StepState& state,
                    const Prepared& prepared) const {
  size_t i = 0;
  for (const auto* ids : {&step.inputs, &step.outputs}) {
    for (const TensorId id : *ids) {
      if (id && !(prepared.shapes[i] == frame.graph.tensor(id).shape)) return false;
      ++i;
    }
  }
  if (!state.needs_values) return true;
  for (size_t k = 0; k < step.inputs.size(); ++k) {
    const TensorId id = step.inputs[k];
    if (!id) continue;
    const Value& value = frame.value(id);
    if (!is_small_index(frame.graph.tensor(id), value.bytes)) continue;
    if (!std::ranges::equal(prepared.content[k].bytes(), view(value.data, value.bytes))) {
      return false;
    }
  }
  return true;
}

/// Shows the kernel the values of small integer operands as if they were constants.
Kernel EagerRun::prepare(Frame& frame, const Step& step, std::vector<Buffer>& content) const {
  const ProgramOptions& options = program_.options();
  content.resize(step.inputs.size());
  std::vector<TensorId> shown;
  for (size_t k = 0; k < step.inputs.size(); ++k) {
    const TensorId id = step.inputs[k];
    if (!id) continue;
    Tensor& tensor = frame.graph.tensor(id);
    const Value& value = frame.value(id);
    if (!is_small_index(tensor, value.bytes)) continue;
    content[k] = Buffer::copy_of(view(value.data, value.bytes));
    tensor.data = content[k];
    shown.push_back(id);
  }
  for (const TensorId id : shown) frame.graph.tensor(id).is_constant = true;
  const auto hide = [&] {
    for (const TensorId id : shown) {
      frame.graph.tensor(id).is_constant = false;
      frame.graph.tensor(id).data = {};
    }
  };
  try {
    Kernel kernel = prepare_op(frame.graph, step.op, options.kernels, options.numerics);
    hide();
    return kernel;
  } catch (...) {
    hide();
    throw;
  }
}

const Kernel& EagerRun::kernel_for(Frame& frame, size_t index) {
  const Step& step = frame.part->steps[index];
  StepState& state = frame.steps[index];
  for (const auto& prepared : state.kernels) {
    if (fits(frame, step, state, *prepared)) return prepared->kernel;
  }
  auto prepared = std::make_unique<Prepared>();
  for (const auto* ids : {&step.inputs, &step.outputs}) {
    for (const TensorId id : *ids) {
      prepared->shapes.push_back(id ? frame.graph.tensor(id).shape : Shape());
    }
  }
  if (!state.needs_values) {
    try {
      prepared->kernel =
          prepare_op(frame.graph, step.op, program_.options().kernels, program_.options().numerics);
    } catch (const DependsOnData&) {
      state.needs_values = true;
      state.kernels.clear();
      state.owner = nullptr;
    }
  }
  if (state.needs_values) prepared->kernel = prepare(frame, step, prepared->content);
  if (state.kernels.size() == kMostKernels) {
    if (state.owner == &state.kernels.front()->kernel) state.owner = nullptr;
    state.kernels.erase(state.kernels.begin());
  }
  state.kernels.push_back(std::move(prepared));
  return state.kernels.back()->kernel;
}

std::byte* EagerRun::state_of(StepState& state, const Kernel& kernel) {
  if (kernel.state_bytes == 0) return nullptr;
  if (state.owner != &kernel) {
    state.owner = &kernel;
    state.memory = {};
    state.memory = allocate_bytes(kernel.state_bytes);
    std::memset(state.memory.data, 0, state.memory.bytes);
    if (kernel.reset) kernel.reset(state.memory.data);
  }
  return state.memory.data;
}

void EagerRun::invoke_kernel(Frame& frame, size_t index, const Kernel& kernel) {
  const Step& step = frame.part->steps[index];
  if (scratch_.bytes < static_cast<size_t>(kernel.scratch_bytes) || !scratch_.known) {
    scratch_ = {};
    scratch_ = allocate_bytes(kernel.scratch_bytes);
  }
  std::vector<const void*> inputs;
  for (const TensorId id : step.inputs) inputs.push_back(id ? frame.value(id).data : nullptr);
  std::vector<void*> outputs;
  for (const TensorId id : step.outputs) outputs.push_back(id ? frame.value(id).data : nullptr);
  kernel.invoke(
      {inputs.data(), outputs.data(), scratch_.data, state_of(frame.steps[index], kernel)});
}

}  // namespace smelt
