#include <functional>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/reduce.h"

namespace smelt {
namespace {

template <class T, class I, class Better>
Kernel arg_kernel(const AxisSplit& split, Better better) {
  return {[split, better](const InvokeArgs& run) {
    I* y = run.out<I>();
    for (int64_t o = 0; o < split.outer; ++o) {
      const T* x = run.in<T>(0) + o * split.axis * split.inner;
      for (int64_t i = 0; i < split.inner; ++i) {
        int64_t best = 0;
        T value = x[i];
        for (int64_t a = 1; a < split.axis; ++a) {
          const T candidate = x[a * split.inner + i];
          if (better(candidate, value)) {
            value = candidate;
            best = a;
          }
        }
        *y++ = static_cast<I>(best);
      }
    }
  }};
}

template <class Better>
Kernel prepare_arg(const PrepareArgs& args, Better better) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_type(y, {DataType::int32, DataType::int64});
  require_rank(x, 1, INT32_MAX);
  const AxisSplit split =
      split_at(x.shape, normalized_axis(constant_int(args.input(1)), x.shape.rank()));
  if (y.shape.elements() != split.outer * split.inner || split.axis == 0) {
    fail(ErrorKind::bad_file, "{} has shape {}, which does not fit {}", y.name, to_string(y.shape),
         to_string(x.shape));
  }
  const auto with_index = [&](auto zero) {
    using T = decltype(zero);
    return y.type == DataType::int32 ? arg_kernel<T, int32_t>(split, better)
                                     : arg_kernel<T, int64_t>(split, better);
  };
  switch (x.type) {
    case DataType::float32:
      return with_index(float{});
    case DataType::int8:
      return with_index(int8_t{});
    case DataType::uint8:
    case DataType::boolean:
      return with_index(uint8_t{});
    case DataType::int16:
      return with_index(int16_t{});
    case DataType::int32:
      return with_index(int32_t{});
    case DataType::int64:
      return with_index(int64_t{});
    default:
      fail_types(args);
  }
}

/// Calls step(position) along the axis in the order of summation, once per line.
struct ScanPlan {
  AxisSplit split;
  bool exclusive = false, reverse = false;

  /// y[...] = store(sum so far) with the sum starting at `start` and growing by value(x).
  template <class In, class Acc, class Value, class Store>
  void run(const In* x, In* y, Acc start, Value value, Store store) const {
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t i = 0; i < split.inner; ++i) {
        Acc sum = start;
        for (int64_t a = 0; a < split.axis; ++a) {
          const int64_t place = reverse ? split.axis - 1 - a : a;
          const int64_t at = (o * split.axis + place) * split.inner + i;
          const Acc next = value(sum, x[at]);
          y[at] = store(exclusive ? sum : next);
          sum = next;
        }
      }
    }
  }
};

/// Fixed point of ADD with both operands on one scale (cumsum.cc): twice the input's scale, 20
/// bits.
Kernel cumsum_int8(const PrepareArgs& args, const ScanPlan& plan) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  constexpr int kLeft = 20;
  const double twice = 2 * static_cast<double>(scale_of(x));
  const FixedMultiplier in = quantize_multiplier(static_cast<double>(scale_of(x)) / twice);
  const double ratio = twice / ((1 << kLeft) * static_cast<double>(scale_of(y)));
  const FixedMultiplier out = quantize_multiplier(ratio);
  if (ratio >= 1.0 || out.shift > 0) {
    fail(ErrorKind::unsupported, "{} has scale {}, too small for an input scale of {}", y.name,
         scale_of(y), scale_of(x));
  }
  const auto rescaled = [in, zero = zero_of(x)](int32_t v) {
    return apply_multiplier(wrapping_shift_left(v - zero, kLeft), in);
  };
  // The sum starts at stored 0, not at real 0: so does the reference.
  const int32_t start = rescaled(0);
  return {[=, zero = zero_of(y)](const InvokeArgs& run) {
    plan.run(
        run.in<int8_t>(0), run.out<int8_t>(), start,
        [&](int32_t sum, int8_t v) { return wrapping_add(sum, rescaled(v)); },
        [&](int32_t sum) {
          return static_cast<int8_t>(
              clamp(wrapping_add(apply_multiplier(sum, out), zero), IntRange{-128, 127}));
        });
  }};
}

}  // namespace

Kernel prepare_arg_max(const PrepareArgs& args) { return prepare_arg(args, std::greater<>()); }
Kernel prepare_arg_min(const PrepareArgs& args) { return prepare_arg(args, std::less<>()); }

Kernel prepare_cumsum(const PrepareArgs& args) {
  const auto& attributes = attributes_of<CumsumAttributes>(args);
  const Operand& x = args.input(0);
  require_same_type(x, args.output());
  require_same_shape(x, args.output());
  require_rank(x, 1, INT32_MAX);
  const ScanPlan plan{
      split_at(x.shape, normalized_axis(constant_int(args.input(1)), x.shape.rank())),
      attributes.exclusive, attributes.reverse};
  if (x.type == DataType::int8) return cumsum_int8(args, plan);
  const auto plain = [&](auto zero) {
    using T = decltype(zero);
    return Kernel{[plan](const InvokeArgs& run) {
      plan.run(
          run.in<T>(0), run.out<T>(), T{0},
          [](T sum, T v) {
            if constexpr (std::is_floating_point_v<T>) {
              return sum + v;
            } else {
              using U = std::make_unsigned_t<T>;
              return static_cast<T>(static_cast<U>(sum) + static_cast<U>(v));
            }
          },
          [](T sum) { return sum; });
    }};
  };
  switch (x.type) {
    case DataType::float32:
      return plain(float{});
    case DataType::int32:
      return plain(int32_t{});
    case DataType::int64:
      return plain(int64_t{});
    default:
      fail_types(args);
  }
}

}  // namespace smelt
