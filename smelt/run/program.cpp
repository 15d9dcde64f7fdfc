#include "smelt/run/program.h"

#include <algorithm>

#include "smelt/ir/verify.h"
#include "smelt/run/prepare.h"
#include "smelt/run/resolve.h"

namespace smelt {

std::shared_ptr<const Program> Program::prepare(const Model& model, const ProgramOptions& options) {
  verify(model);
  if (options.batch != 1 && !batchable(model)) {
    fail(ErrorKind::bad_argument, "the model cannot run {} samples at once", options.batch);
  }
  return Preparer::prepare(model, options);
}

bool Program::stateful() const {
  // Kernels of a dynamic program that may keep state are not known yet.
  if (dynamic_ || !variables_.empty() || once_flags_ > 0) return true;
  return std::ranges::any_of(parts_, [](const Part& part) {
    const std::vector<TensorId> tensors = part.graph.tensors();
    const auto is_variable = [&](TensorId id) { return part.graph.tensor(id).is_variable; };
    const auto keeps_state = [](const Step& step) { return step.kernel.state_bytes > 0; };
    return std::ranges::any_of(part.steps, keeps_state) ||
           std::ranges::any_of(tensors, is_variable);
  });
}

int64_t Program::memory_bytes() const {
  if (dynamic_) return 0;
  int64_t bytes = 0;
  for (const Part& part : parts_) bytes += part.memory.arena_bytes;
  for (const ResourceVariable& variable : variables_) bytes += variable_bytes(variable);
  return bytes;
}

}  // namespace smelt
