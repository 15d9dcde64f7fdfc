#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "smelt/run/program.h"

namespace smelt {

/// Called with the index of a step of the main graph that has run.
using StepHook = std::function<void(int step)>;

/// The memory of a program with static shapes, and one invocation after another on it. Nothing is
/// allocated once it is made.
class StaticRun {
 public:
  /// io where the machine has not the memory.
  explicit StaticRun(const Program& program);

  /// Content of a tensor of the main graph; no data where nothing computes it.
  std::span<std::byte> bytes(TensorId id) const;

  void invoke(const StepHook& hook);
  void reset();

 private:
  struct Free {
    void operator()(std::byte* block) const;
  };
  struct Value {
    std::byte* data = nullptr;  ///< null: never computed, or a constant without bytes
    size_t bytes = 0;
  };
  /// Where the tensors of a part are. Parts do not call themselves, so that one is enough for each.
  struct Frame {
    const Part* part = nullptr;
    std::unique_ptr<std::byte, Free> block;
    std::byte* arena = nullptr;        ///< first 64-byte boundary of the block
    std::vector<Value> values;         ///< per tensor id
    std::vector<const void*> sources;  ///< operands of all steps, one step behind the other
    std::vector<void*> results;
    std::vector<InvokeArgs> calls;  ///< one per step, pointing into the two above

    const Value& value(TensorId id) const { return values[static_cast<size_t>(id.value)]; }
  };

  static Frame make_frame(const Part& part);
  static void place_values(Frame& frame);
  static void place_steps(Frame& frame);
  static void reset(Frame& frame);

  void run(const Frame& frame);
  void run_step(const Frame& frame, size_t index);
  void run_control(const Frame& caller, const Step& step);
  void run_while(const Frame& caller, const Step& step);
  void run_variable(const Frame& frame, const Step& step);
  void call(const Frame& caller, std::span<const TensorId> operands, const Frame& callee);
  static void copy_in(const Frame& caller, std::span<const TensorId> from, const Frame& callee);
  static void copy_out(const Frame& callee, const Frame& caller, std::span<const TensorId> to);

  const Program& program_;
  std::vector<Frame> frames_;  ///< one per part
  std::vector<std::vector<std::byte>> variables_;
  std::vector<bool> done_once_;
};

}  // namespace smelt
