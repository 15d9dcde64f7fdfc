#pragma once

#include <memory>
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

/// One op of a prepared program.
struct Step {
  OpId op;
  Kernel kernel;
  std::vector<TensorId> inputs;  ///< none where absent
  std::vector<TensorId> outputs;
};

/// A graph with all shapes inferred, ops that depend on nothing but constants and shapes already
/// computed, kernels prepared and memory planned. Immutable: share one between any number of
/// interpreters. Constants of the model stay shared with it.
class Program {
 public:
  /// bad_file or unsupported, naming the op, where the model cannot run; bad_argument for a batch
  /// that the model cannot take. Graph inputs that hold a constant cannot be fed, so they are no
  /// inputs of the program; inputs() of its graph are the others, in their order.
  static std::shared_ptr<const Program> prepare(const Model& model, const ProgramOptions& = {});

  /// The graph that runs: tensors carry their final shapes.
  const Graph& graph() const { return model_.main(); }
  const ProgramOptions& options() const { return options_; }
  const std::vector<Step>& steps() const { return steps_; }
  const MemoryPlan& memory() const { return memory_; }

 private:
  Program() = default;

  Model model_;
  ProgramOptions options_;
  std::vector<Step> steps_;
  MemoryPlan memory_;
};

/// True where the main graph computes each sample independently of the others in the batch, so
/// that a batch may be run at once with the same result.
bool batchable(const Model& model);

}  // namespace smelt
