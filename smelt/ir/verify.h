#pragma once

#include "smelt/ir/model.h"

namespace smelt {

/// Checks what every consumer of a graph relies on; throws bad_file naming op and tensor otherwise:
/// operands exist; each tensor has at most one producer, which runs before its readers; a tensor
/// that is read is an input, a constant, a variable or produced; constants hold exactly the bytes
/// that type and shape ask for (sparse, string and packed ones aside); per-axis scales match the
/// axis; attributes are of the kind that the op holds; inputs and outputs exist.
void verify(const Graph& graph);

/// All graphs, and that signatures and control flow name graphs and tensors that exist.
void verify(const Model& model);

}  // namespace smelt
