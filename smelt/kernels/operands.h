#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "smelt/kernels/kernel.h"

namespace smelt {

// What prepare functions of several families ask of their operands.

/// The op's attributes; bad_file where the op holds attributes of another kind.
template <class A>
const A& attributes_of(const PrepareArgs& args) {
  const A* found = std::get_if<A>(&args.op.attributes);
  if (found == nullptr) {
    fail(ErrorKind::bad_file, "{} has no attributes that fit it", name(args.op.type));
  }
  return *found;
}

/// Bytes of one element; unsupported for strings, resources and types packed below a byte.
int64_t element_bytes(const Operand& operand);

/// Values of a constant int32 or int64 operand; DependsOnData where they are computed at run time.
std::vector<int64_t> constant_ints(const Operand& operand);

/// The only value of such an operand; bad_file where it does not have one element.
int64_t constant_int(const Operand& operand);

/// bad_file where shapes or (in the second) only element counts differ.
void require_same_shape(const Operand& a, const Operand& b);
void require_same_elements(const Operand& a, const Operand& b);

/// Same type, same scale and zero point (or neither is quantized): values may be copied as stored.
bool same_representation(const Operand& a, const Operand& b);

/// factor * scale of x / scale of y, in double. TFLite Micro's sources of August 2026 divide in
/// float in some kernels; its releases after that do not, and give other bytes for int16 (measured
/// on RELU, ABS, LEAKY_RELU and SUB of the release of 2026-10-23). LiteRT computes in float.
inline double scale_ratio(const Operand& x, const Operand& y, float factor = 1.0f,
                          Numerics numerics = Numerics::reference) {
  if (numerics == Numerics::litert) {
    return static_cast<double>(scale_of(x) * factor / scale_of(y));
  }
  return static_cast<double>(scale_of(x)) * static_cast<double>(factor) /
         static_cast<double>(scale_of(y));
}

/// unsupported where an integer operand's values would need rescaling to be copied.
void require_same_representation(const Operand& a, const Operand& b);

/// Fails: "types int8, float32 -> int8 have no kernel".
[[noreturn]] void fail_types(const PrepareArgs& args);

/// Calls f with a value of the unsigned integer type of that many bytes (1, 2, 4, 8); elements are
/// only moved, so that floats and integers of one size share the code.
template <class F>
auto with_element_size(int64_t bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

/// The shape as `outer` x `axis` x `inner`.
struct AxisSplit {
  int64_t outer = 1;
  int64_t axis = 1;
  int64_t inner = 1;
};
AxisSplit split_at(const Shape& shape, int axis);

/// An op that computes each element from the one at its place: y[i] = f(x[i]).
template <class In, class Out, class F>
Kernel elementwise(int64_t count, F f) {
  return {[count, f](const InvokeArgs& args) {
    const F local = f;  // bytes that are written could alias the closure, never this copy
    const In* x = args.in<In>(0);
    Out* y = args.out<Out>();
    for (int64_t i = 0; i < count; ++i) y[i] = local(x[i]);
  }};
}

/// Copies the first operand's bytes to the first result.
Kernel copy_kernel(const PrepareArgs& args);

/// bad_file unless weights have one scale, or one per output channel, which lie along `axis`.
void require_channel_scales(const Operand& w, int64_t channels, int axis);

}  // namespace smelt
