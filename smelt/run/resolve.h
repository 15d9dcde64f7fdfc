#pragma once

#include <functional>
#include <set>
#include <string>

#include "smelt/run/program.h"

namespace smelt {

struct ResolveOptions {
  KernelChoice kernels = KernelChoice::fastest;
  Numerics numerics = Numerics::reference;
  int64_t max_constant_bytes = int64_t{256} << 20;  ///< of one computed constant
  int64_t max_total_bytes = int64_t{1} << 30;       ///< of all of them
  /// Sets the shapes of a control op's results (calls.h), or throws DependsOnData. Without it
  /// results of control ops keep the shapes that are recorded.
  std::function<void(Graph&, OpId)> control = {};
  /// Go on where a shape depends on data, rather than throw; what follows from it is unknown.
  bool partial = false;
  bool unknown_inputs = false;  ///< shapes of graph inputs are unknown, too; with `partial`
};

/// Infers all shapes in execution order from those of the graph inputs (unknown axes become 1),
/// and computes right away what depends on nothing but constants and shapes: the results become
/// constants and their ops are erased. Converters leave chains such as SHAPE, STRIDED_SLICE, PACK
/// in front of RESHAPE, and DEQUANTIZE behind float16 weights. `names` is the graph as the user
/// knows it (same ids), for messages. Returns the tensors of unknown shape.
std::set<TensorId> resolve(Graph& graph, const Graph& names, const ResolveOptions& options);

/// The kernel of an op whose shapes are final. DependsOnData where it needs the values of operands
/// that are no constants.
Kernel prepare_op(const Graph& graph, OpId id, KernelChoice kernels, Numerics numerics);

/// Every byte of a variable tensor before something writes it: 0, for int8 the zero point.
int fresh_byte(const Tensor& tensor);

/// Bytes of a variable; 0 where its shape is not known.
int64_t variable_bytes(const ResourceVariable& variable);

/// Bytes of a tensor's value in memory; unsupported for strings and the like, bad_file where its
/// shape is not known.
int64_t value_bytes(const Tensor& tensor);

}  // namespace smelt
