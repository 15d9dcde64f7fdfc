#pragma once

#include "smelt/base/bytes.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

// What all recurrent kernels share.

/// The values of an operand that is a variable: kernels of ops with state write them.
template <class T>
T* state_of(const InvokeArgs& args, size_t operand) {
  return static_cast<T*>(const_cast<void*>(args.inputs[operand]));
}

/// bad_file unless the operand is a variable of that many elements and that type.
void require_state(const Operand& state, int64_t elements, DataType type);

/// Bytes of `count` values of `size` bytes, rounded up so that what follows is aligned to 64.
inline int64_t scratch_block(int64_t count, int64_t size) {
  return (checked_mul(count, size, "scratch of a recurrent op") + 63) / 64 * 64;
}

/// Blocks of scratch memory, one behind the other.
struct ScratchLayout {
  int64_t bytes = 0;
  int64_t add(int64_t count, int64_t size) {
    const int64_t at = bytes;
    bytes += scratch_block(count, size);
    return at;
  }
};

/// A kernel that runs one after the other in the same scratch memory.
Kernel in_sequence(Kernel first, Kernel second);

}  // namespace smelt
