#include "smelt/run/interpreter.h"

#include "smelt/ir/dump.h"
#include "smelt/run/eager_run.h"
#include "smelt/run/static_run.h"

namespace smelt {
namespace {

std::span<const uint8_t> as_values(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

Interpreter::Interpreter(std::shared_ptr<const Program> program) : program_(std::move(program)) {
  if (program_->dynamic()) {
    eager_ = std::make_unique<EagerRun>(*program_);
  } else {
    static_ = std::make_unique<StaticRun>(*program_);
  }
}

Interpreter::~Interpreter() = default;

std::span<uint8_t> Interpreter::input_bytes(size_t index) {
  const TensorId id = program_->graph().inputs().at(index);
  const std::span<std::byte> bytes = eager_ ? eager_->input(id) : static_->bytes(id);
  return {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()};
}

std::span<const uint8_t> Interpreter::output_bytes(size_t index) const {
  const TensorId id = program_->graph().outputs().at(index);
  return as_values(eager_ ? eager_->output(index) : static_->bytes(id));
}

const Shape& Interpreter::output_shape(size_t index) const {
  const TensorId id = program_->graph().outputs().at(index);
  return eager_ ? eager_->output_shape(index) : program_->graph().tensor(id).shape;
}

std::span<const uint8_t> Interpreter::tensor_bytes(TensorId id) const {
  SMELT_CHECK(program_->graph().contains(id));
  const auto bytes = eager_ ? eager_->bytes(id) : static_->bytes(id);
  if (bytes.data() == nullptr && bytes.size() > 0) {
    fail(ErrorKind::bad_argument, "{} is never computed", describe(program_->graph(), id));
  }
  return as_values(bytes);
}

void Interpreter::invoke() {
  StepHook hook;
  if (hook_) hook = [this](int step) { hook_(*this, step); };
  if (eager_) {
    eager_->invoke(hook);
  } else {
    static_->invoke(hook);
  }
}

void Interpreter::reset() {
  if (eager_) {
    eager_->reset();
  } else {
    static_->reset();
  }
}

void Interpreter::check_type(TensorId id, DataType wanted) const {
  const Tensor& tensor = program_->graph().tensor(id);
  if (tensor.type == wanted) return;
  fail(ErrorKind::bad_argument, "{} holds {}, not {}", describe(program_->graph(), id),
       name(tensor.type), name(wanted));
}

}  // namespace smelt
