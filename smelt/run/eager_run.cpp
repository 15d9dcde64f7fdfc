#include "smelt/run/eager_run.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "smelt/run/resolve.h"

namespace smelt {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

void EagerRun::Release::operator()(std::byte* block) const {
  std::free(block);
  meter->used -= bytes;
}

// --- memory

EagerRun::EagerRun(const Program& program)
    : program_(program),
      meter_(std::make_shared<Meter>()),
      variables_(program.variables().size()),
      handles_(program.variables().size()),
      done_once_(static_cast<size_t>(program.once_flags()), false) {
  meter_->most = program.options().max_arena_bytes;
  std::iota(handles_.begin(), handles_.end(), 0);
  for (const Part& part : program.parts()) frames_.push_back(make_frame(part));
  Frame& main = frames_[0];
  for (const TensorId id : main.graph.inputs()) {
    const Tensor& tensor = main.graph.tensor(id);
    Value value = allocate(tensor.shape, tensor.type);
    std::memset(value.data, 0, value.bytes);
    main.value(id) = std::move(value);
  }
  reset();
}

EagerRun::Frame EagerRun::make_frame(const Part& part) {
  Frame frame{.part = &part, .graph = part.graph};
  for (const TensorId id : part.graph.tensors()) {
    const auto index = static_cast<size_t>(id.value);
    if (index >= frame.values.size()) frame.values.resize(index + 1);
    const Tensor& tensor = part.graph.tensor(id);
    if (tensor.is_constant) {
      auto* data = const_cast<uint8_t*>(tensor.data.bytes().data());  // only read through
      frame.values[index] = {.shape = tensor.shape,
                             .data = reinterpret_cast<std::byte*>(data),
                             .bytes = tensor.data.size(),
                             .known = true};
    } else if (tensor.is_variable) {
      frame.values[index] = allocate(tensor.shape, tensor.type);
    }
  }
  frame.steps.resize(part.steps.size());
  if (!program_.options().keep_all) find_last_uses(frame);
  return frame;
}

void EagerRun::find_last_uses(Frame& frame) const {
  std::set<TensorId> seen(frame.graph.outputs().begin(), frame.graph.outputs().end());
  if (frame.part == &program_.parts()[0]) {
    seen.insert(frame.graph.inputs().begin(), frame.graph.inputs().end());
  }
  for (size_t i = frame.steps.size(); i-- > 0;) {
    const Step& step = frame.part->steps[i];
    for (const auto* ids : {&step.inputs, &step.outputs}) {
      for (const TensorId id : *ids) {
        if (!id || !seen.insert(id).second) continue;
        const Tensor& tensor = frame.graph.tensor(id);
        if (!tensor.is_constant && !tensor.is_variable) frame.steps[i].last_used.push_back(id);
      }
    }
  }
}

EagerRun::Value EagerRun::allocate_bytes(int64_t bytes) {
  const int64_t most = meter_->most - meter_->used - 2 * static_cast<int64_t>(kAlignment);
  if (bytes > most) {
    fail(ErrorKind::unsupported,
         "the model needs more than the {} bytes of memory that are allowed", meter_->most);
  }
  const size_t size = (static_cast<size_t>(bytes) / kAlignment + 1) * kAlignment;
  auto* block = static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
  if (block == nullptr) fail(ErrorKind::io, "there is no memory for a tensor of {} bytes", bytes);
  meter_->used += static_cast<int64_t>(size);
  return {.block = {block, Release{meter_, static_cast<int64_t>(size)}},
          .data = block,
          .bytes = static_cast<size_t>(bytes),
          .known = true};
}

EagerRun::Value EagerRun::allocate(const Shape& shape, DataType type) {
  if (bit_width(type) == 0) fail(ErrorKind::unsupported, "holds values of type {}", name(type));
  Value value = allocate_bytes(storage_bytes(type, shape.elements()));
  value.shape = shape;
  return value;
}

EagerRun::Value EagerRun::copy_of(const Value& value) {
  Value copy = allocate_bytes(static_cast<int64_t>(value.bytes));
  copy.shape = value.shape;
  if (value.bytes > 0) std::memcpy(copy.data, value.data, value.bytes);
  return copy;
}

std::span<std::byte> EagerRun::input(TensorId id) {
  const Value& value = frames_[0].value(id);
  return {value.data, value.bytes};
}

std::span<const std::byte> EagerRun::output(size_t index) const {
  output_shape(index);
  return {outputs_[index].data, outputs_[index].bytes};
}

const Shape& EagerRun::output_shape(size_t index) const {
  if (index >= outputs_.size()) {
    fail(ErrorKind::bad_argument, "the shape of output {} is known once the model has run", index);
  }
  return outputs_[index].shape;
}

std::span<const std::byte> EagerRun::bytes(TensorId id) const {
  const Value& value = frames_[0].value(id);
  return {value.data, value.bytes};
}

// --- running

void EagerRun::reset() {
  for (Frame& frame : frames_) {
    for (const TensorId id : frame.graph.tensors()) {
      const Tensor& tensor = frame.graph.tensor(id);
      if (!tensor.is_variable || tensor.is_constant) continue;
      std::memset(frame.value(id).data, fresh_byte(tensor), frame.value(id).bytes);
    }
    for (StepState& state : frame.steps) state.owner = nullptr;
  }
  for (Value& variable : variables_) variable = {};
  std::fill(done_once_.begin(), done_once_.end(), false);
}

void EagerRun::invoke(const StepHook& hook) {
  Frame& main = frames_[0];
  outputs_.clear();
  if (hook) hook(-1);
  run_steps(main, hook);
  for (const TensorId id : main.graph.outputs()) outputs_.push_back(main.value(id));
}

std::vector<EagerRun::Value> EagerRun::run(size_t part, std::vector<Value> operands) {
  Frame& frame = frames_[part];
  for (size_t i = 0; i < operands.size(); ++i) {
    set(frame, frame.graph.inputs()[i], std::move(operands[i]));
  }
  run_steps(frame, {});
  std::vector<Value> results = get(frame, frame.graph.outputs());
  for (const TensorId id : frame.graph.tensors()) {
    const Tensor& tensor = frame.graph.tensor(id);
    if (!tensor.is_constant && !tensor.is_variable) frame.value(id) = {};
  }
  return results;
}

void EagerRun::run_steps(Frame& frame, const StepHook& hook) {
  for (size_t i = 0; i < frame.steps.size(); ++i) {
    with_context([&] { return frame.part->steps[i].name; }, [&] { run_step(frame, i); });
    if (hook) hook(static_cast<int>(i));
    for (const TensorId id : frame.steps[i].last_used) frame.value(id) = {};
  }
}

void EagerRun::run_step(Frame& frame, size_t index) {
  const Step& step = frame.part->steps[index];
  if (step.control) {
    run_control(frame, step);
    return;
  }
  const bool ready = step.kernel.invoke != nullptr;
  if (!ready) infer(frame, step.op);
  for (const TensorId id : step.outputs) {
    if (!id) continue;
    const Tensor& tensor = frame.graph.tensor(id);
    if (tensor.is_variable) {
      if (static_cast<size_t>(value_bytes(tensor)) == frame.value(id).bytes) continue;
      fail(ErrorKind::bad_file, "writes {} into the variable {}", to_string(tensor.shape),
           tensor.name);
    }
    frame.value(id) = {};  // of the run before, where everything is kept
    frame.value(id) = allocate(tensor.shape, tensor.type);
  }
  invoke_kernel(frame, index, ready ? step.kernel : kernel_for(frame, index));
}

void EagerRun::set(Frame& frame, TensorId id, Value value) {
  Tensor& tensor = frame.graph.tensor(id);
  tensor.shape = value.shape;
  // Shape inference may have given a tensor another type than the file.
  if (bit_width(tensor.type) > 0 && static_cast<size_t>(value_bytes(tensor)) != value.bytes) {
    fail(ErrorKind::bad_file, "passes {} bytes for {}, which is {}{}", value.bytes, tensor.name,
         name(tensor.type), to_string(tensor.shape));
  }
  frame.value(id) = std::move(value);
}

EagerRun::Value EagerRun::get(const Frame& frame, TensorId id) {
  const Value& value = frame.value(id);
  // Constants of the graph outlive the run; what is written again must not be shared.
  return frame.graph.tensor(id).is_variable ? copy_of(value) : value;
}

std::vector<EagerRun::Value> EagerRun::get(const Frame& frame, std::span<const TensorId> ids) {
  std::vector<Value> values;
  for (const TensorId id : ids) values.push_back(get(frame, id));
  return values;
}

// --- control

bool EagerRun::condition(const Value& value) const {
  if (value.bytes != 1) {
    fail(ErrorKind::bad_file, "its condition has shape {}, expected one value",
         to_string(value.shape));
  }
  return *value.data != std::byte{0};
}

void EagerRun::run_control(Frame& frame, const Step& step) {
  const Control& control = *step.control;
  std::vector<Value> results;
  switch (frame.graph.op(step.op).type) {
    case OpType::var_handle:
    case OpType::read_variable:
    case OpType::assign_variable:
      run_variable(frame, step);
      return;
    case OpType::if_: {
      const size_t branch = condition(frame.value(step.inputs[0])) ? 0 : 1;
      results = run(control.parts[branch], get(frame, std::span(step.inputs).subspan(1)));
      break;
    }
    case OpType::while_:
      results = run_while(step, get(frame, step.inputs));
      break;
    case OpType::call_once:
      if (done_once_[static_cast<size_t>(control.slot)]) return;
      run(control.parts[0], {});
      done_once_[static_cast<size_t>(control.slot)] = true;
      return;
    default:
      results = run(control.parts[0], get(frame, step.inputs));
      break;
  }
  for (size_t i = 0; i < results.size(); ++i) set(frame, step.outputs[i], std::move(results[i]));
}

std::vector<EagerRun::Value> EagerRun::run_while(const Step& step, std::vector<Value> state) {
  const Control& control = *step.control;
  while (condition(run(control.parts[0], state)[0]))
    state = run(control.parts[1], std::move(state));
  return state;
}

void EagerRun::run_variable(Frame& frame, const Step& step) {
  const OpType type = frame.graph.op(step.op).type;
  if (type == OpType::var_handle) {
    int32_t* handle = &handles_[static_cast<size_t>(step.control->slot)];
    set(frame, step.outputs[0],
        {.data = reinterpret_cast<std::byte*>(handle), .bytes = sizeof(int32_t), .known = true});
    return;
  }
  const Value& handle = frame.value(step.inputs[0]);
  if (!handle.known || handle.bytes != sizeof(int32_t)) {
    fail(ErrorKind::bad_file, "its variable is not given by VAR_HANDLE");
  }
  int32_t slot = 0;
  std::memcpy(&slot, handle.data, sizeof(slot));
  if (slot < 0 || static_cast<size_t>(slot) >= variables_.size()) {
    fail(ErrorKind::bad_file, "its variable is not given by VAR_HANDLE");
  }
  Value& variable = variables_[static_cast<size_t>(slot)];
  if (type == OpType::assign_variable) {
    const Value& value = frame.value(step.inputs[1]);
    variable = {};
    variable = copy_of(value);
    return;
  }
  const Tensor& result = frame.graph.tensor(step.outputs[0]);
  if (!variable.known) {
    Shape shape = frame.part->graph.tensor(step.outputs[0]).shape;
    for (int i = 0; i < shape.rank(); ++i) shape[i] = std::max(shape[i], 1);
    variable = allocate(shape, result.type);
    std::memset(variable.data, program_.variables()[static_cast<size_t>(slot)].fill,
                variable.bytes);
  }
  if (variable.bytes !=
      static_cast<size_t>(storage_bytes(result.type, variable.shape.elements()))) {
    fail(ErrorKind::bad_file, "reads values of another type than the variable holds");
  }
  set(frame, step.outputs[0], variable);
}

}  // namespace smelt
