#pragma once

#include <string>

#include "smelt/run/program.h"

namespace smelt {

struct ResolveOptions {
  KernelChoice kernels = KernelChoice::fastest;
  Numerics numerics = Numerics::reference;
  int64_t max_constant_bytes = int64_t{256} << 20;  ///< of one computed constant
  int64_t max_total_bytes = int64_t{1} << 30;       ///< of all of them
};

/// Infers all shapes in execution order from those of the graph inputs (unknown axes become 1),
/// and computes right away what depends on nothing but constants and shapes: the results become
/// constants and their ops are erased. Converters leave chains such as SHAPE, STRIDED_SLICE, PACK
/// in front of RESHAPE, and DEQUANTIZE behind float16 weights. `names` is the graph as the user
/// knows it (same ids), for messages.
void resolve(Graph& graph, const Graph& names, const ResolveOptions& options);

/// The kernel of an op whose shapes are final.
Kernel prepare_op(const Graph& graph, OpId id, KernelChoice kernels, Numerics numerics);

/// Bytes of a tensor's value in memory; unsupported for strings and the like, bad_file where its
/// shape is not known.
int64_t value_bytes(const Tensor& tensor);

}  // namespace smelt
