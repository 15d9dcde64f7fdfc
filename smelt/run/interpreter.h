#pragma once

#include <functional>
#include <memory>
#include <span>

#include "smelt/run/program.h"

namespace smelt {

class EagerRun;
class StaticRun;

/// Runs a program on memory of its own; one per thread.
///   Interpreter interpreter(Program::prepare(model));
///   std::ranges::copy(image, interpreter.input<float>(0).begin());
///   interpreter.invoke();
///   std::span<const float> scores = interpreter.output<float>(0);
class Interpreter {
 public:
  /// Everything starts as zeros. io where the machine has not the memory.
  explicit Interpreter(std::shared_ptr<const Program> program);
  ~Interpreter();

  const Program& program() const { return *program_; }

  /// The graph's inputs and outputs in its order. Bytes of int4 tensors are packed. Outputs of a
  /// dynamic program exist after `invoke`, until the next. An input may be
  /// overwritten by `invoke`, as in TFLite Micro: its memory is free after its last reader.
  std::span<uint8_t> input_bytes(size_t index);
  std::span<const uint8_t> output_bytes(size_t index) const;

  /// The shape of an output; where the program is dynamic, that of the last invocation's.
  const Shape& output_shape(size_t index) const;

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

  /// Throws only where the program is dynamic: bad_file or unsupported, naming the op, where values
  /// ask for what cannot be (a negative size, more memory than ProgramOptions allow).
  void invoke();

  /// Forgets the state of variables and ops, and that CALL_ONCE ran; the next invocation starts as
  /// the first did: from zeros, which for int8 is the zero point (TFLite Micro,
  /// ResetVariableTensors).
  void reset();

  /// Called after each op with its index into program().steps(), when its results are readable.
  /// Before the first op it is called with -1: the graph's inputs are readable.
  using Hook = std::function<void(const Interpreter&, int step)>;
  void set_hook(Hook hook) { hook_ = std::move(hook); }

 private:
  void check_type(TensorId id, DataType wanted) const;

  std::shared_ptr<const Program> program_;
  std::unique_ptr<StaticRun> static_;
  std::unique_ptr<EagerRun> eager_;  ///< instead, where the program is dynamic
  Hook hook_;
};

}  // namespace smelt
