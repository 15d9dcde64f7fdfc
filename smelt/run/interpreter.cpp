#include "smelt/run/interpreter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "smelt/ir/dump.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

void Interpreter::Free::operator()(std::byte* block) const { std::free(block); }

Interpreter::Interpreter(std::shared_ptr<const Program> program) : program_(std::move(program)) {
  const auto bytes = static_cast<size_t>(program_->memory().arena_bytes) + kAlignment;
  // calloc: pages of a large arena that the model never touches cost nothing.
  block_.reset(static_cast<std::byte*>(std::calloc(bytes + kAlignment, 1)));
  if (!block_) fail(ErrorKind::io, "there is no memory for the {} bytes of the model", bytes);
  const auto address = reinterpret_cast<uintptr_t>(block_.get());
  arena_ = block_.get() + (kAlignment - address % kAlignment) % kAlignment;
  place_values();
  place_steps();
  reset();
}

void Interpreter::place_values() {
  const Graph& graph = program_->graph();
  const std::vector<int64_t>& offsets = program_->memory().offset;
  for (const TensorId id : graph.tensors()) {
    const auto index = static_cast<size_t>(id.value);
    if (index >= values_.size()) values_.resize(index + 1);
    const Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant) {
      // Only read through: results are never constants.
      auto* data = const_cast<uint8_t*>(tensor.data.bytes().data());
      values_[index] = {reinterpret_cast<std::byte*>(data), tensor.data.size()};
    } else if (index < offsets.size() && offsets[index] >= 0) {
      values_[index] = {arena_ + offsets[index], static_cast<size_t>(value_bytes(tensor))};
    }
  }
}

void Interpreter::place_steps() {
  const std::vector<Step>& steps = program_->steps();
  size_t sources = 0;
  size_t results = 0;
  for (const Step& step : steps) {
    sources += step.inputs.size();
    results += step.outputs.size();
  }
  sources_.reserve(sources);
  results_.reserve(results);
  for (size_t i = 0; i < steps.size(); ++i) {
    calls_.push_back({sources_.data() + sources_.size(), results_.data() + results_.size(),
                      arena_ + program_->memory().scratch_offset[i],
                      arena_ + program_->memory().state_offset[i]});
    for (const TensorId id : steps[i].inputs) sources_.push_back(id ? value(id).data : nullptr);
    for (const TensorId id : steps[i].outputs) results_.push_back(id ? value(id).data : nullptr);
  }
}

std::span<uint8_t> Interpreter::input_bytes(size_t index) {
  const Value& v = value(program_->graph().inputs().at(index));
  return {reinterpret_cast<uint8_t*>(v.data), v.bytes};
}

std::span<const uint8_t> Interpreter::output_bytes(size_t index) const {
  const Value& v = value(program_->graph().outputs().at(index));
  return {reinterpret_cast<const uint8_t*>(v.data), v.bytes};
}

std::span<const uint8_t> Interpreter::tensor_bytes(TensorId id) const {
  SMELT_CHECK(program_->graph().contains(id));
  const Value& v = value(id);
  if (v.data == nullptr && v.bytes > 0) {
    fail(ErrorKind::bad_argument, "{} is never computed", describe(program_->graph(), id));
  }
  return {reinterpret_cast<const uint8_t*>(v.data), v.bytes};
}

void Interpreter::invoke() {
  const std::vector<Step>& steps = program_->steps();
  if (!hook_) {
    for (size_t i = 0; i < steps.size(); ++i) steps[i].kernel.invoke(calls_[i]);
    return;
  }
  hook_(*this, -1);
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i].kernel.invoke(calls_[i]);
    hook_(*this, static_cast<int>(i));
  }
}

void Interpreter::reset() {
  const Graph& graph = program_->graph();
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    const Value& v = value(id);
    if (!tensor.is_variable || tensor.is_constant || v.data == nullptr) continue;
    const Quantization& q = tensor.quantization;
    const bool shifted = tensor.type == DataType::int8 && !q.zero_point.empty();
    std::memset(v.data, shifted ? static_cast<int>(q.zero_point[0]) : 0, v.bytes);
  }
  for (size_t i = 0; i < calls_.size(); ++i) {
    const Kernel& kernel = program_->steps()[i].kernel;
    std::memset(calls_[i].state, 0, static_cast<size_t>(kernel.state_bytes));
    if (kernel.reset) kernel.reset(calls_[i].state);
  }
}

void Interpreter::check_type(TensorId id, DataType wanted) const {
  const Tensor& tensor = program_->graph().tensor(id);
  if (tensor.type == wanted) return;
  fail(ErrorKind::bad_argument, "{} is {}, not {}", describe(program_->graph(), id),
       name(tensor.type), name(wanted));
}

}  // namespace smelt
