#include "smelt/run/static_run.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "smelt/run/resolve.h"

namespace smelt {
namespace {

constexpr size_t kAlignment = 64;

void copy_bytes(const std::byte* from, std::byte* to, size_t bytes) {
  if (bytes > 0 && from != to) std::memcpy(to, from, bytes);
}

}  // namespace

void StaticRun::Free::operator()(std::byte* block) const { std::free(block); }

StaticRun::StaticRun(const Program& program)
    : program_(program), done_once_(static_cast<size_t>(program.once_flags()), false) {
  for (const Part& part : program.parts()) frames_.push_back(make_frame(part));
  for (const ResourceVariable& variable : program.variables()) {
    variables_.emplace_back(static_cast<size_t>(variable_bytes(variable)));
  }
  reset();
}

StaticRun::Frame StaticRun::make_frame(const Part& part) {
  Frame frame{.part = &part};
  const size_t bytes = static_cast<size_t>(part.memory.arena_bytes) + 2 * kAlignment;
  // calloc: pages of a large arena that the model never touches cost nothing.
  frame.block.reset(static_cast<std::byte*>(std::calloc(bytes, 1)));
  if (!frame.block) fail(ErrorKind::io, "there is no memory for the {} bytes of the model", bytes);
  const auto address = reinterpret_cast<uintptr_t>(frame.block.get());
  frame.arena = frame.block.get() + (kAlignment - address % kAlignment) % kAlignment;
  place_values(frame);
  place_steps(frame);
  return frame;
}

void StaticRun::place_values(Frame& frame) {
  const Graph& graph = frame.part->graph;
  const std::vector<int64_t>& offsets = frame.part->memory.offset;
  for (const TensorId id : graph.tensors()) {
    const auto index = static_cast<size_t>(id.value);
    if (index >= frame.values.size()) frame.values.resize(index + 1);
    const Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant) {
      // Only read through: results are never constants.
      auto* data = const_cast<uint8_t*>(tensor.data.bytes().data());
      frame.values[index] = {reinterpret_cast<std::byte*>(data), tensor.data.size()};
    } else if (index < offsets.size() && offsets[index] >= 0) {
      frame.values[index] = {frame.arena + offsets[index],
                             static_cast<size_t>(value_bytes(tensor))};
    }
  }
}

void StaticRun::place_steps(Frame& frame) {
  const std::vector<Step>& steps = frame.part->steps;
  size_t sources = 0;
  size_t results = 0;
  for (const Step& step : steps) {
    sources += step.inputs.size();
    results += step.outputs.size();
  }
  frame.sources.reserve(sources);
  frame.results.reserve(results);
  const auto data = [&](TensorId id) { return id ? frame.value(id).data : nullptr; };
  for (size_t i = 0; i < steps.size(); ++i) {
    frame.calls.push_back({frame.sources.data() + frame.sources.size(),
                           frame.results.data() + frame.results.size(),
                           frame.arena + frame.part->memory.scratch_offset[i],
                           frame.arena + frame.part->memory.state_offset[i]});
    for (const TensorId id : steps[i].inputs) frame.sources.push_back(data(id));
    for (const TensorId id : steps[i].outputs) frame.results.push_back(data(id));
  }
}

std::span<std::byte> StaticRun::bytes(TensorId id) const {
  const Value& value = frames_[0].value(id);
  return {value.data, value.bytes};
}

void StaticRun::reset() {
  for (Frame& frame : frames_) reset(frame);
  for (size_t i = 0; i < variables_.size(); ++i) {
    std::ranges::fill(variables_[i], std::byte{program_.variables()[i].fill});
  }
  std::fill(done_once_.begin(), done_once_.end(), false);
}

void StaticRun::reset(Frame& frame) {
  const Graph& graph = frame.part->graph;
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    const Value& v = frame.value(id);
    if (!tensor.is_variable || tensor.is_constant || v.data == nullptr) continue;
    std::memset(v.data, fresh_byte(tensor), v.bytes);
  }
  for (size_t i = 0; i < frame.calls.size(); ++i) {
    const Kernel& kernel = frame.part->steps[i].kernel;
    std::memset(frame.calls[i].state, 0, static_cast<size_t>(kernel.state_bytes));
    if (kernel.reset) kernel.reset(frame.calls[i].state);
  }
}

void StaticRun::invoke(const StepHook& hook) {
  const Frame& frame = frames_[0];
  if (!hook) {
    run(frame);
    return;
  }
  hook(-1);
  for (size_t i = 0; i < frame.calls.size(); ++i) {
    run_step(frame, i);
    hook(static_cast<int>(i));
  }
}

void StaticRun::run(const Frame& frame) {
  for (size_t i = 0; i < frame.calls.size(); ++i) run_step(frame, i);
}

void StaticRun::run_step(const Frame& frame, size_t index) {
  const Step& step = frame.part->steps[index];
  if (step.control) {
    run_control(frame, step);
  } else {
    step.kernel.invoke(frame.calls[index]);
  }
}

void StaticRun::run_control(const Frame& caller, const Step& step) {
  const OpType type = caller.part->graph.op(step.op).type;
  const Control& control = *step.control;
  switch (type) {
    case OpType::if_: {
      const bool condition = *caller.value(step.inputs[0]).data != std::byte{0};
      const Frame& callee = frames_[control.parts[condition ? 0 : 1]];
      call(caller, std::span(step.inputs).subspan(1), callee);
      copy_out(callee, caller, step.outputs);
      return;
    }
    case OpType::while_:
      run_while(caller, step);
      return;
    case OpType::call_once:
      if (done_once_[static_cast<size_t>(control.slot)]) return;
      done_once_[static_cast<size_t>(control.slot)] = true;
      break;
    case OpType::var_handle:
    case OpType::read_variable:
    case OpType::assign_variable:
      run_variable(caller, step);
      return;
    default:
      break;
  }
  const Frame& callee = frames_[control.parts[0]];
  call(caller, step.inputs, callee);
  copy_out(callee, caller, step.outputs);
}

void StaticRun::run_while(const Frame& caller, const Step& step) {
  const Frame& condition = frames_[step.control->parts[0]];
  const Frame& body = frames_[step.control->parts[1]];
  const std::byte* go_on = condition.value(condition.part->graph.outputs()[0]).data;
  // The op's results hold what goes around.
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const Value& to = caller.value(step.outputs[i]);
    copy_bytes(caller.value(step.inputs[i]).data, to.data, to.bytes);
  }
  for (;;) {
    call(caller, step.outputs, condition);
    if (*go_on == std::byte{0}) return;
    call(caller, step.outputs, body);
    copy_out(body, caller, step.outputs);
  }
}

void StaticRun::run_variable(const Frame& frame, const Step& step) {
  const OpType type = frame.part->graph.op(step.op).type;
  if (type == OpType::var_handle) return;  // known when the program was prepared
  std::vector<std::byte>& variable = variables_[static_cast<size_t>(step.control->slot)];
  if (type == OpType::read_variable) {
    copy_bytes(variable.data(), frame.value(step.outputs[0]).data, variable.size());
  } else {
    copy_bytes(frame.value(step.inputs[1]).data, variable.data(), variable.size());
  }
}

void StaticRun::call(const Frame& caller, std::span<const TensorId> operands, const Frame& callee) {
  copy_in(caller, operands, callee);
  run(callee);
}

void StaticRun::copy_in(const Frame& caller, std::span<const TensorId> from, const Frame& callee) {
  const std::vector<TensorId>& inputs = callee.part->graph.inputs();
  for (size_t i = 0; i < from.size(); ++i) {
    const Value& to = callee.value(inputs[i]);
    copy_bytes(caller.value(from[i]).data, to.data, to.bytes);
  }
}

void StaticRun::copy_out(const Frame& callee, const Frame& caller, std::span<const TensorId> to) {
  const std::vector<TensorId>& outputs = callee.part->graph.outputs();
  for (size_t i = 0; i < to.size(); ++i) {
    const Value& result = caller.value(to[i]);
    copy_bytes(callee.value(outputs[i]).data, result.data, result.bytes);
  }
}

}  // namespace smelt
