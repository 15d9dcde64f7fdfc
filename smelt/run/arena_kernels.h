#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// How TensorFlow Lite Micro is built: what decides how large its structs are.
struct MicroBuild {
  int64_t pointer = 4;       ///< bytes of a pointer and of size_t
  bool compression = false;  ///< USE_TFLM_COMPRESSION: kernels can unpack compressed weights

  bool wide() const { return pointer == 8; }
};

/// Memory that one op asks for. Blocks of `persistent` lie at multiples of 16 bytes, `options` at a
/// multiple of `options_alignment`.
struct KernelMemory {
  int64_t options = 0;  ///< the op's builtin options, as parsed
  int64_t options_alignment = 4;
  std::vector<int64_t> persistent;  ///< the kernel's own struct, multipliers, tables, state
  std::vector<int64_t> scratch;     ///< in the head, while the op runs
};

/// What the reference kernel of an op keeps, by the Init and Prepare functions of
/// tensorflow/lite/micro/kernels and signal/micro/kernels. Nothing for ops that TensorFlow Lite
/// Micro lacks. Operands that are missing or of an odd rank count as empty; bad_file where sizes
/// overflow or a custom op's options are damaged.
KernelMemory kernel_memory(const Graph& graph, const Op& op, const MicroBuild& build);

/// Bytes of a tensor's value as TensorFlow Lite Micro holds it (int4 unpacked, a resource by its
/// number); unsupported for types that it does not know.
int64_t micro_bytes(const Tensor& tensor);

/// Memory of the custom ops of its resolver; see kernel_memory.
KernelMemory custom_kernel_memory(const Graph& graph, const Op& op, const MicroBuild& build);

}  // namespace smelt
