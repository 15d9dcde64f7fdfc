#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Whose rounding integer kernels follow.
enum class Numerics {
  reference,  ///< TFLite Micro's reference kernels, byte for byte
  litert,     ///< LiteRT's default engine: XNNPACK for the ops that it takes over (litert_rules.h)
};

/// Which implementation a kernel may choose at prepare time. They give the same bytes for integers,
/// and for floats the same values but for the order of summation.
enum class KernelChoice {
  fastest,
  plain,  ///< the straightforward loops that tests compare with
};

/// A tensor as a kernel sees it when it is prepared: everything but the values that change.
/// Shapes are known and final; element counts have been checked to fit int64.
struct Operand {
  TensorId id;
  std::string_view name;
  DataType type = DataType::float32;
  Shape shape;
  const Quantization* quantization = nullptr;  ///< never null
  const void* constant = nullptr;  ///< the values of a constant, aligned for its type; else null
  bool is_variable = false;        ///< keeps its value between invocations
  /// The tensors behind BlockwiseScales where the operand is quantized in blocks; else null.
  const Tensor* block_scales = nullptr;
  const Tensor* block_zero_points = nullptr;

  template <class T>
  const T* constant_as() const {
    return static_cast<const T*>(constant);
  }
};

struct PrepareArgs {
  const Op& op;
  std::vector<Operand> inputs;  ///< as many as op.inputs; absent ones have no id
  std::vector<Operand> outputs;
  std::vector<Operand> intermediates = {};  ///< tensors that only carry scales (LSTM)
  Numerics numerics = Numerics::reference;
  KernelChoice choice = KernelChoice::fastest;

  bool has_input(size_t i) const { return i < inputs.size() && inputs[i].id; }
  /// The operand; bad_file naming its position where it is absent.
  const Operand& input(size_t i) const;
  const Operand& output(size_t i = 0) const;
};

/// Where the values are during one invocation. Pointers are 64-byte aligned for tensors in the
/// arena, and aligned for their type for constants. inputs[i] is null where operand i is absent.
struct InvokeArgs {
  const void* const* inputs;
  void* const* outputs;
  std::byte* scratch;          ///< Kernel::scratch_bytes, 64-byte aligned, content undefined
  std::byte* state = nullptr;  ///< Kernel::state_bytes, 64-byte aligned, kept between invocations

  template <class T>
  const T* in(size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* out(size_t i = 0) const {
    return static_cast<T*>(outputs[i]);
  }
};

/// An op ready to run. `invoke` is const in spirit: it may be called from many threads at once,
/// each with arguments of its own; whatever it captured (multipliers, packed weights) is read-only.
/// It does not throw and does not allocate.
struct Kernel {
  std::function<void(const InvokeArgs&)> invoke;
  int64_t scratch_bytes = 0;
  int64_t state_bytes = 0;  ///< what the op remembers, one block per interpreter
  /// Puts the state into the form that the first invocation finds; zeros where absent.
  std::function<void(std::byte* state)> reset = {};
};

/// Checks operands (counts, types, shapes, quantization, attributes), computes all multipliers and
/// packs weights. Throws bad_file where the op is malformed, unsupported where it is well-formed
/// but has no kernel for these types.
using PrepareKernel = Kernel (*)(const PrepareArgs&);

/// The kernel family's prepare function, or null where no kernel exists for the op.
PrepareKernel find_kernel(OpType type);

/// Prepares the op, or throws unsupported naming it where there is no kernel.
Kernel prepare_kernel(const PrepareArgs& args);

// --- checks shared by the families; all throw with a message that says what was expected

/// unsupported: "int16 operand 0 (x) has no kernel; supported: float32, int8".
void require_type(const Operand& operand, std::initializer_list<DataType> supported);
void require_same_type(const Operand& a, const Operand& b);
void require_rank(const Operand& operand, int low, int high);
void require_shape(const Operand& operand, const Shape& expected);
/// One scale > 0 (and a zero point inside the type's range); bad_file otherwise.
void require_per_tensor(const Operand& operand);
inline float scale_of(const Operand& operand) { return operand.quantization->scale[0]; }
inline int32_t zero_of(const Operand& operand) {
  return static_cast<int32_t>(operand.quantization->zero_point[0]);
}

}  // namespace smelt
