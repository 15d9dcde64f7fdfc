#include "smelt/kernels/fill.h"

#include "smelt/kernels/operands.h"

namespace smelt {

Kernel prepare_fill(const PrepareArgs& args) {
  const Operand& value = args.input(1);
  const Operand& y = args.output();
  require_same_type(value, y);
  if (value.shape.elements() != 1) {
    fail(ErrorKind::bad_file, "{} has shape {}; one value is needed", value.name,
         to_string(value.shape));
  }
  const int64_t count = y.shape.elements();
  return with_element_size(element_bytes(y), [&](auto zero) {
    using T = decltype(zero);
    return Kernel{
        [count](const InvokeArgs& run) { std::fill_n(run.out<T>(), count, run.in<T>(1)[0]); }};
  });
}

Kernel prepare_zeros_like(const PrepareArgs& args) {
  const Operand& y = args.output();
  require_same_type(args.input(0), y);
  const int64_t bytes = element_bytes(y) * y.shape.elements();
  return {[bytes](const InvokeArgs& run) { std::fill_n(run.out<uint8_t>(), bytes, uint8_t{0}); }};
}

Kernel prepare_range(const PrepareArgs& args) {
  const Operand& y = args.output();
  for (size_t k = 0; k < 3; ++k) {
    require_same_type(args.input(k), y);
    if (args.input(k).shape.elements() != 1) {
      fail(ErrorKind::bad_file, "{} must be one value", args.input(k).name);
    }
  }
  const int64_t count = y.shape.elements();
  const auto integers = [count](auto zero) {
    using T = decltype(zero);
    return Kernel{[count](const InvokeArgs& run) {
      auto value = static_cast<uint64_t>(run.in<T>(0)[0]);
      const auto delta = static_cast<uint64_t>(run.in<T>(2)[0]);
      for (int64_t i = 0; i < count; ++i, value += delta) run.out<T>()[i] = static_cast<T>(value);
    }};
  };
  if (y.type == DataType::int32) return integers(int32_t{});
  if (y.type == DataType::int64) return integers(int64_t{});
  require_type(y, {DataType::float32, DataType::int32, DataType::int64});
  return {[count](const InvokeArgs& run) {
    float value = run.in<float>(0)[0];
    for (int64_t i = 0; i < count; ++i, value += run.in<float>(2)[0]) run.out<float>()[i] = value;
  }};
}

Kernel prepare_broadcast_args(const PrepareArgs& args) {
  const Operand& a = args.input(0);
  const Operand& b = args.input(1);
  const Operand& y = args.output();
  require_same_type(a, b);
  require_same_type(a, y);
  const int64_t count_a = a.shape.elements(), count_b = b.shape.elements();
  const int64_t count = std::max(count_a, count_b);
  if (y.shape.elements() != count) {
    fail(ErrorKind::bad_file, "{} has shape {}; {} elements are needed", y.name, to_string(y.shape),
         count);
  }
  const auto spread = [=](auto zero) {
    using T = decltype(zero);
    return Kernel{[=](const InvokeArgs& run) {
      for (int64_t i = 0; i < count; ++i) {
        const T va = i < count - count_a ? T{1} : run.in<T>(0)[i - (count - count_a)];
        const T vb = i < count - count_b ? T{1} : run.in<T>(1)[i - (count - count_b)];
        run.out<T>()[i] = va == 1 ? vb : vb == 1 ? va : std::max(va, vb);
      }
    }};
  };
  if (y.type == DataType::int64) return spread(int64_t{});
  require_type(y, {DataType::int32, DataType::int64});
  return spread(int32_t{});
}

}  // namespace smelt
