#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "smelt/run/program.h"

namespace smelt {

/// Runs a program on memory of its own; one per thread.
///   Interpreter interpreter(Program::prepare(model));
///   std::ranges::copy(image, interpreter.input<float>(0).begin());
///   interpreter.invoke();
///   std::span<const float> scores = interpreter.output<float>(0);
class Interpreter {
 public:
  /// Everything starts as zeros. io where the machine has not the memory.
  explicit Interpreter(std::shared_ptr<const Program> program);

  const Program& program() const { return *program_; }

  /// The graph's inputs and outputs in its order. Bytes of int4 tensors are packed. An input may be
  /// overwritten by `invoke`, as in TFLite Micro: its memory is free after its last reader.
  std::span<uint8_t> input_bytes(size_t index);
  std::span<const uint8_t> output_bytes(size_t index) const;

  /// The same as values; bad_argument where T is not the tensor's type.
  template <class T>
  std::span<T> input(size_t index) {
    check_type(program_->graph().inputs().at(index), data_type_of<T>);
    auto bytes = input_bytes(index);
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  std::span<const T> output(size_t index) const {
    check_type(program_->graph().outputs().at(index), data_type_of<T>);
    auto bytes = output_bytes(index);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  /// Content of any tensor: constants always, others right after the op that computed them ran
  /// (from a hook), or after `invoke` where the program keeps all.
  std::span<const uint8_t> tensor_bytes(TensorId id) const;

  void invoke();

  /// Forgets the state of variables and ops; the next invocation starts as the first did: from
  /// zeros, which for int8 is the zero point (TFLite Micro, ResetVariableTensors).
  void reset();

  /// Called after each op with its index into program().steps(), when its results are readable.
  /// Before the first op it is called with -1: the graph's inputs are readable.
  using Hook = std::function<void(const Interpreter&, int step)>;
  void set_hook(Hook hook) { hook_ = std::move(hook); }

 private:
  struct Free {
    void operator()(std::byte* block) const;
  };
  struct Value {
    std::byte* data = nullptr;  ///< null: never computed, or a constant without bytes
    size_t bytes = 0;
  };

  void check_type(TensorId id, DataType wanted) const;
  void place_values();
  void place_steps();
  const Value& value(TensorId id) const { return values_.at(static_cast<size_t>(id.value)); }

  std::shared_ptr<const Program> program_;
  std::unique_ptr<std::byte, Free> block_;
  std::byte* arena_ = nullptr;        ///< first 64-byte boundary of the block
  std::vector<Value> values_;         ///< per tensor id
  std::vector<const void*> sources_;  ///< operands of all steps, one step behind the other
  std::vector<void*> results_;
  std::vector<InvokeArgs> calls_;  ///< one per step, pointing into the two above
  Hook hook_;
};

}  // namespace smelt
