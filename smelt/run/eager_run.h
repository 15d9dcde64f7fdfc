#pragma once

#include <memory>
#include <set>
#include <span>
#include <vector>

#include "smelt/run/program.h"
#include "smelt/run/static_run.h"

namespace smelt {

/// Runs a dynamic program: op by op, with shapes inferred from the values at hand. Kernels that
/// could not be prepared before are kept for the next time that the same shapes come.
class EagerRun {
 public:
  explicit EagerRun(const Program& program);

  std::span<std::byte> input(TensorId id);
  /// Of an output after `invoke`; bad_argument before.
  std::span<const std::byte> output(size_t index) const;
  const Shape& output_shape(size_t index) const;
  /// Content of a tensor of the main graph, where it is in memory; no data otherwise.
  std::span<const std::byte> bytes(TensorId id) const;

  /// bad_file or unsupported, naming the op, where values ask for what cannot be.
  void invoke(const StepHook& hook);
  void reset();

 private:
  /// Bytes in use, against what is allowed.
  struct Meter {
    int64_t used = 0;
    int64_t most = 0;
  };
  struct Release {
    std::shared_ptr<Meter> meter;
    int64_t bytes = 0;
    void operator()(std::byte* block) const;
  };
  /// A tensor's value: shared by everyone that it was passed to, and never written again, but for
  /// those of graph inputs and variable tensors.
  struct Value {
    Shape shape;
    std::shared_ptr<std::byte> block;  ///< null for constants
    std::byte* data = nullptr;
    size_t bytes = 0;
    bool known = false;
  };
  struct Prepared {
    std::vector<Shape> shapes;    ///< of operands and results
    std::vector<Buffer> content;  ///< of small integer operands, where the kernel asks for values
    Kernel kernel;
  };
  struct StepState {
    std::vector<std::unique_ptr<Prepared>> kernels;
    bool needs_values = false;
    const Kernel* owner = nullptr;  ///< whose state `memory` is
    Value memory;
    std::vector<TensorId> last_used;  ///< values that nobody reads behind the step
  };
  struct Frame {
    const Part* part = nullptr;
    Graph graph;  ///< of which tensors have the shapes of the moment
    std::vector<Value> values;
    std::vector<StepState> steps;

    Value& value(TensorId id) { return values[static_cast<size_t>(id.value)]; }
    const Value& value(TensorId id) const { return values[static_cast<size_t>(id.value)]; }
  };

  Frame make_frame(const Part& part);
  void find_last_uses(Frame& frame) const;
  Value allocate(const Shape& shape, DataType type);
  Value allocate_bytes(int64_t bytes);
  Value copy_of(const Value& value);

  std::vector<Value> run(size_t part, std::vector<Value> operands);
  void run_steps(Frame& frame, const StepHook& hook);
  void run_step(Frame& frame, size_t index);
  void set(Frame& frame, TensorId id, Value value);
  Value get(const Frame& frame, TensorId id);
  std::vector<Value> get(const Frame& frame, std::span<const TensorId> ids);

  void run_control(Frame& frame, const Step& step);
  std::vector<Value> run_while(const Step& step, std::vector<Value> state);
  void run_variable(Frame& frame, const Step& step);
  bool condition(const Value& value) const;

  void infer(Frame& frame, OpId id);
  const Kernel& kernel_for(Frame& frame, size_t index);
  bool fits(const Frame& frame, const Step& step, const StepState& state,
            const Prepared& prepared) const;
  Kernel prepare(Frame& frame, const Step& step, std::vector<Buffer>& content) const;
  void invoke_kernel(Frame& frame, size_t index, const Kernel& kernel);
  std::byte* state_of(StepState& state, const Kernel& kernel);

  const Program& program_;
  std::shared_ptr<Meter> meter_;
  std::vector<Frame> frames_;  ///< one per part
  std::vector<Value> outputs_;
  std::vector<Value> variables_;
  std::vector<int32_t> handles_;  ///< values of resource tensors: 0, 1, ...
  std::vector<bool> done_once_;
  Value scratch_;
};

}  // namespace smelt
