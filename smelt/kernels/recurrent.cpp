#include "smelt/kernels/recurrent.h"

#include <algorithm>

namespace smelt {

void require_state(const Operand& state, int64_t elements, DataType type) {
  require_type(state, {type});
  if (!state.is_variable) {
    fail(ErrorKind::bad_file, "{} is a state, but not marked as a variable", state.name);
  }
  if (state.shape.elements() != elements) {
    fail(ErrorKind::bad_file, "{} has shape {}; a state of {} values is needed", state.name,
         to_string(state.shape), elements);
  }
}

Kernel in_sequence(Kernel first, Kernel second) {
  const int64_t bytes = std::max(first.scratch_bytes, second.scratch_bytes);
  return {[a = std::move(first.invoke), b = std::move(second.invoke)](const InvokeArgs& args) {
            a(args);
            b(args);
          },
          bytes};
}

}  // namespace smelt
