#include "smelt/kernels/reduce.h"

#include <bit>
#include <cmath>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/litert_rules.h"
#include "smelt/kernels/reduce_plan.h"

namespace smelt {

ReducePlan make_reduce_plan(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  const int rank = x.shape.rank();
  std::vector<bool> reduced(static_cast<size_t>(rank), false);
  for (const int64_t axis : constant_ints(args.input(1))) {
    if (rank == 0) continue;  // a scalar is its own reduction, whatever the axes say
    reduced[static_cast<size_t>(normalized_axis(axis, rank))] = true;
  }

  ReducePlan plan;
  std::vector<int64_t> size;
  std::vector<bool> kept;
  for (int i = 0; i < rank; ++i) {
    const int64_t n = x.shape[i];
    const bool keep = !reduced[static_cast<size_t>(i)];
    (keep ? plan.outputs : plan.reduced) *= n;
    if (n == 1) continue;
    if (!kept.empty() && kept.back() == keep) {
      size.back() *= n;
    } else {
      size.push_back(n);
      kept.push_back(keep);
    }
  }
  if (y.shape.elements() != plan.outputs) {
    fail(ErrorKind::bad_file, "{} has shape {}, but reducing {} gives {} elements", y.name,
         to_string(y.shape), to_string(x.shape), plan.outputs);
  }
  if (x.shape.elements() == 0) {
    plan.rows = 0;
    return plan;
  }
  if (size.empty()) return plan;
  plan.row = size.back();
  plan.kept = kept.back();
  plan.outer_rank = static_cast<int>(size.size()) - 1;
  if (plan.outer_rank > ReducePlan::kMaxRank) {
    fail(ErrorKind::unsupported, "{} of shape {} is reduced over too many separate axes", x.name,
         to_string(x.shape));
  }
  int64_t stride = plan.kept ? plan.row : 1;
  for (int i = plan.outer_rank - 1; i >= 0; --i) {
    const auto a = static_cast<size_t>(i);
    plan.size[a] = size[a];
    plan.rows *= size[a];
    if (!kept[a]) continue;
    plan.stride[a] = stride;
    stride *= size[a];
  }
  return plan;
}

namespace {

template <class T, class F>
Kernel fold_kernel(const PrepareArgs& args, T start, F f) {
  return {[plan = make_reduce_plan(args), start, f](const InvokeArgs& run) {
    plan.fold(run.in<T>(0), run.out<T>(), start, f);
  }};
}

template <class T>
T wrapping_sum(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a + b;
  } else {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) +
                          static_cast<std::make_unsigned_t<T>>(b));
  }
}

template <class T>
T wrapping_product(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a * b;
  } else {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) *
                          static_cast<std::make_unsigned_t<T>>(b));
  }
}

template <class T>
Kernel mean_kernel(const PrepareArgs& args) {
  return {[plan = make_reduce_plan(args)](const InvokeArgs& run) {
    T* y = run.out<T>();
    plan.fold(run.in<T>(0), y, T{0}, wrapping_sum<T>);
    if (plan.reduced == 0) return;
    const auto count = static_cast<T>(plan.reduced);
    for (int64_t i = 0; i < plan.outputs; ++i) y[i] /= count;
  }};
}

/// QuantizedMeanOrSum of reference/reduce.h. A mean divides inside the multiplier: it is first
/// shifted left as far as the count and its own shift allow, so that the division loses little.
template <class T>
Kernel quantized_sum(const PrepareArgs& args, bool mean) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  // Without scales the reference divides 0 by 0, and the multiplier that it makes of that is 0.
  const bool scaled = x.quantization->quantized() || y.quantization->quantized();
  if (scaled) {
    require_per_tensor(x);
    require_per_tensor(y);
  }
  const ReducePlan plan = make_reduce_plan(args);
  FixedMultiplier m;
  if (scaled) m = quantize_multiplier(scale_ratio(x, y));
  if (mean && plan.reduced > 0) {
    int shift = 63 - std::countl_zero(static_cast<uint64_t>(plan.reduced));
    shift = std::min({shift, 32, 31 + m.shift});
    m.multiplier =
        static_cast<int32_t>((static_cast<int64_t>(m.multiplier) << shift) / plan.reduced);
    m.shift -= shift;
  }
  const int32_t zero_x = scaled ? zero_of(x) : 0;
  const auto offset =
      static_cast<int32_t>(static_cast<uint32_t>(zero_x) * static_cast<uint64_t>(plan.reduced));
  const bool empty = plan.rows == 0;
  return {
      .invoke =
          [=, zero_y = scaled ? zero_of(y) : 0, range = range_of(y.type)](const InvokeArgs& run) {
            T* out = run.out<T>();
            auto* sums = reinterpret_cast<int32_t*>(run.scratch);
            if (empty) {
              std::fill_n(out, plan.outputs, T{0});
              return;
            }
            plan.fold(run.in<T>(0), sums, int32_t{0},
                      [](int32_t a, T b) { return wrapping_add(a, b); });
            for (int64_t i = 0; i < plan.outputs; ++i) {
              const int32_t sum = wrapping_add(sums[i], wrapping_mul(offset, -1));
              out[i] = static_cast<T>(clamp(wrapping_add(apply_multiplier(sum, m), zero_y), range));
            }
          },
      .scratch_bytes = plan.outputs * static_cast<int64_t>(sizeof(int32_t))};
}

/// QuantizedReduceProd of reference/reduce.h: every multiplication takes an equal part of the
/// scale, scale_x / scale_y^(1/n), so that it cannot overflow; the last one is applied without a
/// factor.
template <class T>
Kernel quantized_product(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  const ReducePlan plan = make_reduce_plan(args);
  FixedMultiplier m;
  if (plan.rows > 0 && plan.outputs > 0) {
    const double root = std::pow(scale_of(y), 1.0 / static_cast<double>(plan.reduced));
    m = quantize_multiplier(scale_of(x) / root);
  }
  constexpr int64_t kNothingYet = std::numeric_limits<int64_t>::min();
  const auto next = [m, zero = zero_of(x)](int64_t product, T v) -> int64_t {
    const int64_t value = int64_t{v} - zero;
    return product == kNothingYet ? value : apply_multiplier(product * value, m);
  };
  return {.invoke =
              [=, zero_y = zero_of(y), range = range_of(y.type)](const InvokeArgs& run) {
                auto* products = reinterpret_cast<int64_t*>(run.scratch);
                plan.fold(run.in<T>(0), products, kNothingYet, next);
                T* out = run.out<T>();
                for (int64_t i = 0; i < plan.outputs; ++i) {
                  const int64_t product = products[i] == kNothingYet ? 0 : products[i];
                  out[i] = static_cast<T>(
                      clamp(wrapping_add(apply_multiplier(product, m), zero_y), range));
                }
              },
          .scratch_bytes = plan.outputs * static_cast<int64_t>(sizeof(int64_t))};
}

/// XNNPACK's: one scale in float, which a mean multiplies with the inverse of the count.
template <class T>
Kernel scaled_sum(const PrepareArgs& args, bool mean) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_per_tensor(x);
  require_per_tensor(y);
  const ReducePlan plan = make_reduce_plan(args);
  const float factor = mean ? 1.0f / static_cast<float>(plan.reduced) : 1.0f;
  const float scale = scale_of(x) / scale_of(y) * factor;
  const auto start = static_cast<int32_t>(-(static_cast<int64_t>(zero_of(x)) * plan.reduced));
  return {.invoke =
              [=, zero = zero_of(y), range = range_of(y.type)](const InvokeArgs& run) {
                auto* sums = reinterpret_cast<int32_t*>(run.scratch);
                plan.fold(run.in<T>(0), sums, start,
                          [](int32_t a, T b) { return wrapping_add(a, b); });
                T* out = run.out<T>();
                for (int64_t i = 0; i < plan.outputs; ++i) {
                  out[i] = static_cast<T>(apply_scale(sums[i], scale, zero, range));
                }
              },
          .scratch_bytes = plan.outputs * static_cast<int64_t>(sizeof(int32_t))};
}

Kernel prepare_sum_or_mean(const PrepareArgs& args, bool mean) {
  require_same_type(args.input(0), args.output());
  if (xnnpack_takes(args)) {
    return args.input(0).type == DataType::int8 ? scaled_sum<int8_t>(args, mean)
                                                : scaled_sum<uint8_t>(args, mean);
  }
  switch (args.input(0).type) {
    case DataType::float32:
      return mean ? mean_kernel<float>(args) : fold_kernel(args, 0.0f, wrapping_sum<float>);
    case DataType::int8:
      return quantized_sum<int8_t>(args, mean);
    case DataType::uint8:
      return quantized_sum<uint8_t>(args, mean);
    case DataType::int16:
      return quantized_sum<int16_t>(args, mean);
    case DataType::int32:
      return mean ? mean_kernel<int32_t>(args)
                  : fold_kernel(args, int32_t{0}, wrapping_sum<int32_t>);
    case DataType::int64:
      return mean ? mean_kernel<int64_t>(args)
                  : fold_kernel(args, int64_t{0}, wrapping_sum<int64_t>);
    default:
      fail_types(args);
  }
}

template <class F>
Kernel with_ordered_type(const PrepareArgs& args, F&& f) {
  switch (args.input(0).type) {
    case DataType::float32:
      return f(float{});
    case DataType::int8:
      return f(int8_t{});
    case DataType::uint8:
      return f(uint8_t{});
    case DataType::int16:
      return f(int16_t{});
    case DataType::int32:
      return f(int32_t{});
    case DataType::int64:
      return f(int64_t{});
    default:
      fail_types(args);
  }
}

void require_equal_scales(const PrepareArgs& args) {
  const DataType type = args.input(0).type;
  if (type == DataType::int8 || type == DataType::uint8 || type == DataType::int16) {
    require_same_representation(args.input(0), args.output());
  }
  require_same_type(args.input(0), args.output());
}

}  // namespace

Kernel prepare_mean(const PrepareArgs& args) { return prepare_sum_or_mean(args, true); }
Kernel prepare_sum(const PrepareArgs& args) { return prepare_sum_or_mean(args, false); }

Kernel prepare_reduce_max(const PrepareArgs& args) {
  require_equal_scales(args);
  return with_ordered_type(args, [&](auto zero) {
    using T = decltype(zero);
    return fold_kernel(args, std::numeric_limits<T>::lowest(),
                       [](T current, T v) { return v > current ? v : current; });
  });
}

Kernel prepare_reduce_min(const PrepareArgs& args) {
  require_equal_scales(args);
  return with_ordered_type(args, [&](auto zero) {
    using T = decltype(zero);
    return fold_kernel(args, std::numeric_limits<T>::max(),
                       [](T current, T v) { return v < current ? v : current; });
  });
}

Kernel prepare_reduce_prod(const PrepareArgs& args) {
  require_same_type(args.input(0), args.output());
  switch (args.input(0).type) {
    case DataType::int8:
      return quantized_product<int8_t>(args);
    case DataType::int16:
      return quantized_product<int16_t>(args);
    case DataType::float32:
      return fold_kernel(args, 1.0f, wrapping_product<float>);
    case DataType::int32:
      return fold_kernel(args, int32_t{1}, wrapping_product<int32_t>);
    case DataType::int64:
      return fold_kernel(args, int64_t{1}, wrapping_product<int64_t>);
    default:
      fail_types(args);
  }
}

Kernel prepare_reduce_any(const PrepareArgs& args) {
  require_type(args.input(0), {DataType::boolean});
  require_type(args.output(), {DataType::boolean});
  return fold_kernel(args, false, [](bool a, bool b) { return a || b; });
}

Kernel prepare_reduce_all(const PrepareArgs& args) {
  require_type(args.input(0), {DataType::boolean});
  require_type(args.output(), {DataType::boolean});
  return fold_kernel(args, true, [](bool a, bool b) { return a && b; });
}

}  // namespace smelt
