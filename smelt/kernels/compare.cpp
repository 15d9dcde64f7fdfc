#include "smelt/kernels/compare.h"

#include <functional>

#include "smelt/kernels/broadcast.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// Stored 8-bit values to a fixed-point real scale that both operands share.
struct Real {
  int32_t zero = 0;
  FixedMultiplier multiplier;

  explicit Real(const Operand& operand) : zero(zero_of(operand)) {
    require_per_tensor(operand);
    const double scale = scale_of(operand);
    multiplier = quantize_multiplier(scale);
    if (scale >= 1.0 || multiplier.shift > 0) {
      fail(ErrorKind::unsupported, "{} has scale {}; the integer comparison needs one below 1",
           operand.name, scale);
    }
  }

  int32_t operator()(int32_t v) const {
    return rounding_divide_by_pot(
        saturating_rounding_doubling_high_mul((v - zero) * (1 << 8), multiplier.multiplier),
        -multiplier.shift);
  }
};

template <class T, class F>
Kernel scaled_comparison(const PrepareArgs& args, F f) {
  const Real a(args.input(0)), b(args.input(1));
  return broadcast_kernel<T, T, bool>(args, [=](T va, T vb) { return f(a(va), b(vb)); });
}

template <class F>
Kernel prepare_comparison(const PrepareArgs& args, F f) {
  const Operand& a = args.input(0);
  const Operand& b = args.input(1);
  require_same_type(a, b);
  require_type(args.output(), {DataType::boolean});
  switch (a.type) {
    case DataType::float32:
      return broadcast_kernel<float, float, bool>(args, f);
    case DataType::int32:
      return broadcast_kernel<int32_t, int32_t, bool>(args, f);
    case DataType::int64:
      return broadcast_kernel<int64_t, int64_t, bool>(args, f);
    case DataType::boolean:
      if (args.op.type != OpType::equal && args.op.type != OpType::not_equal) fail_types(args);
      return broadcast_kernel<bool, bool, bool>(args, f);
    case DataType::int8:
      return scaled_comparison<int8_t>(args, f);
    case DataType::uint8:
      if (!a.quantization->quantized() && !b.quantization->quantized()) {
        return broadcast_kernel<uint8_t, uint8_t, bool>(args, f);
      }
      return scaled_comparison<uint8_t>(args, f);
    case DataType::int16:
      require_same_representation(a, b);
      return broadcast_kernel<int16_t, int16_t, bool>(args, f);
    default:
      fail_types(args);
  }
}

template <class F>
Kernel prepare_logical(const PrepareArgs& args, F f) {
  require_type(args.input(0), {DataType::boolean});
  require_type(args.input(1), {DataType::boolean});
  require_type(args.output(), {DataType::boolean});
  return broadcast_kernel<bool, bool, bool>(args, f);
}

void check_select_types(const PrepareArgs& args) {
  require_type(args.input(0), {DataType::boolean});
  require_same_type(args.input(1), args.input(2));
  require_same_type(args.input(1), args.output());
}

}  // namespace

Kernel prepare_equal(const PrepareArgs& args) {
  return prepare_comparison(args, std::equal_to<>());
}
Kernel prepare_not_equal(const PrepareArgs& args) {
  return prepare_comparison(args, std::not_equal_to<>());
}
Kernel prepare_greater(const PrepareArgs& args) {
  return prepare_comparison(args, std::greater<>());
}
Kernel prepare_greater_equal(const PrepareArgs& args) {
  return prepare_comparison(args, std::greater_equal<>());
}
Kernel prepare_less(const PrepareArgs& args) { return prepare_comparison(args, std::less<>()); }
Kernel prepare_less_equal(const PrepareArgs& args) {
  return prepare_comparison(args, std::less_equal<>());
}

Kernel prepare_logical_and(const PrepareArgs& args) {
  return prepare_logical(args, [](bool a, bool b) { return a && b; });
}
Kernel prepare_logical_or(const PrepareArgs& args) {
  return prepare_logical(args, [](bool a, bool b) { return a || b; });
}
Kernel prepare_logical_not(const PrepareArgs& args) {
  require_type(args.input(0), {DataType::boolean});
  require_type(args.output(), {DataType::boolean});
  require_same_shape(args.input(0), args.output());
  return elementwise<bool, bool>(args.output().shape.elements(), [](bool v) { return !v; });
}

Kernel prepare_select(const PrepareArgs& args) {
  check_select_types(args);
  const Operand& condition = args.input(0);
  const Operand& y = args.output();
  require_same_shape(args.input(1), y);
  require_same_shape(args.input(2), y);
  const int64_t count = y.shape.elements();
  const int64_t conditions = condition.shape.elements();
  const bool by_row =
      condition.shape.rank() == 1 && y.shape.rank() > 0 && condition.shape[0] == y.shape[0];
  if (conditions != 1 && condition.shape != y.shape && !by_row) {
    fail(ErrorKind::bad_file, "a condition of shape {} does not fit {}", to_string(condition.shape),
         to_string(y.shape));
  }
  const int64_t bytes = element_bytes(y) * (conditions > 0 ? count / conditions : 0);
  return {[=](const InvokeArgs& run) {
    for (int64_t i = 0; bytes > 0 && i < conditions; ++i) {
      const size_t source = run.in<bool>(0)[i] ? 1 : 2;
      std::memcpy(run.out<uint8_t>() + i * bytes, run.in<uint8_t>(source) + i * bytes,
                  static_cast<size_t>(bytes));
    }
  }};
}

Kernel prepare_select_v2(const PrepareArgs& args) {
  check_select_types(args);
  const Operand& y = args.output();
  const auto plan = make_broadcast<3>({&args.input(0), &args.input(1), &args.input(2)}, y);
  return with_element_size(element_bytes(y), [&](auto zero) {
    using T = decltype(zero);
    return Kernel{[plan](const InvokeArgs& run) {
      plan.for_each_row([&](int64_t out, const std::array<int64_t, 3>& offset) {
        const bool* condition = run.in<bool>(0) + offset[0];
        const T* a = run.in<T>(1) + offset[1];
        const T* b = run.in<T>(2) + offset[2];
        T* to = run.out<T>() + out;
        const int64_t step_c = plan.advances[0], step_a = plan.advances[1],
                      step_b = plan.advances[2];
        for (int64_t i = 0; i < plan.row; ++i) {
          to[i] = condition[i * step_c] ? a[i * step_a] : b[i * step_b];
        }
      });
    }};
  });
}

}  // namespace smelt
