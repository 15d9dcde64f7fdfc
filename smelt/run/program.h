#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/kernels/kernel.h"
#include "smelt/run/memory_plan.h"

namespace smelt {

struct ProgramOptions {
  /// Samples that one invocation computes: every input and output gets this leading axis in place
  /// of its batch axis of 1. Only for programs where `batchable(model)` holds.
  int batch = 1;
  KernelChoice kernels = KernelChoice::fastest;
  Numerics numerics = Numerics::reference;
  /// Keep every tensor readable after `invoke` (no memory is reused); for debugging.
  bool keep_all = false;
  /// A model that asks for more memory than this is refused: unsupported, before it is allocated.
  int64_t max_arena_bytes = int64_t{4} << 30;
};

/// What an op that the interpreter runs itself refers to.
struct Control {
  std::vector<size_t> parts;  ///< of Program::parts(), in the order of called_graphs(op)
  int slot = -1;  ///< of CALL_ONCE: which flag; of variables' ops: index into Program::variables()
};

/// One op of a prepared program.
struct Step {
  OpId op;
  Kernel kernel = {};  ///< nothing to invoke: of a control op, or prepared when shapes are known
  std::vector<TensorId> inputs;  ///< none where absent
  std::vector<TensorId> outputs;
  std::optional<Control> control = {};
  std::string name = {};  ///< for errors while a dynamic program runs
};

/// A subgraph as the program runs it. Where shapes are static, one that is called with operands of
/// several shapes is prepared for each of them.
struct Part {
  Graph graph;
  std::vector<Step> steps;
  MemoryPlan memory;
};

/// A resource variable: all handles of one container and name, in any subgraph, are handles of it.
struct ResourceVariable {
  std::string container, name;
  DataType type = DataType::float32;
  std::optional<Shape> shape;  ///< absent: none is read or written, or a dynamic program finds out
  /// Every byte before anything is assigned: 0, or the zero point of the first value that an op
  /// assigns (TFLite Micro, MicroResourceVariables::Allocate).
  uint8_t fill = 0;
};

/// A graph and those that it calls, with all shapes inferred, ops that depend on nothing but
/// constants and shapes already computed, kernels prepared and memory planned. Immutable: share one
/// between any number of interpreters. Constants of the model stay shared with it.
///
/// Where a shape depends on values that only a run gives, the program is dynamic: interpreters
/// infer shapes and allocate results op by op, and prepare the kernels that could not be before.
class Program {
 public:
  /// bad_file or unsupported, naming the op, where the model cannot run; bad_argument for a batch
  /// that the model cannot take. Graph inputs that hold a constant cannot be fed, so they are no
  /// inputs of the program; inputs() of its graph are the others, in their order.
  static std::shared_ptr<const Program> prepare(const Model& model, const ProgramOptions& = {});

  /// The graph that runs: tensors carry their final shapes.
  const Graph& graph() const { return parts_[0].graph; }
  const ProgramOptions& options() const { return options_; }
  const std::vector<Step>& steps() const { return parts_[0].steps; }

  /// The main graph, and behind it what its control ops call.
  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<ResourceVariable>& variables() const { return variables_; }
  int once_flags() const { return once_flags_; }  ///< as many as there are CALL_ONCE ops
  bool dynamic() const { return dynamic_; }
  /// True where an invocation may leave something behind that the next one sees.
  bool stateful() const;
  /// What an interpreter takes for tensors, scratch and state of all parts, and for variables; of a
  /// dynamic program 0, which allocates while it runs.
  int64_t memory_bytes() const;

 private:
  friend class Preparer;
  Program() = default;

  ProgramOptions options_;
  std::vector<Part> parts_;
  std::vector<ResourceVariable> variables_;
  int once_flags_ = 0;
  bool dynamic_ = false;
};

/// True where the main graph computes each sample independently of the others in the batch, so
/// that a batch may be run at once with the same result.
bool batchable(const Model& model);

}  // namespace smelt
