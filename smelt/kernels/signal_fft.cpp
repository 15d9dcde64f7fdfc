#include "smelt/kernels/signal_fft.h"

#include <algorithm>

#include "smelt/kernels/operands.h"
#include "smelt/kernels/real_fft.h"
#include "smelt/ops/flex_options.h"

namespace smelt {
namespace {

int fft_length(const PrepareArgs& args) {
  constexpr int32_t kLongest = 1 << 22;
  const int32_t length = FlexOptions(attributes_of<CustomAttributes>(args)).integer("fft_length");
  if (length < 2 || length % 2 != 0 || length > kLongest) {
    fail(ErrorKind::bad_file, "its fft_length is {}; an even number of 2..{} is needed", length,
         kLongest);
  }
  return length;
}

/// Rows of `own` values along the last axis of the operand.
int64_t rows_of(const Operand& operand, int32_t own, bool shorter_allowed) {
  require_rank(operand, 1, INT32_MAX);
  const int32_t size = operand.shape.back();
  if (size < 1 || size > own || (size < own && !shorter_allowed)) {
    fail(ErrorKind::bad_file, "{} has {} values in a row; the transform needs {}", operand.name,
         size, own);
  }
  return operand.shape.elements(0, operand.shape.rank() - 1);
}

void require_rows(const Operand& operand, int64_t found, int64_t expected) {
  if (found == expected) return;
  fail(ErrorKind::bad_file, "{} has {} rows, expected {}", operand.name, found, expected);
}

template <class T>
Kernel forward_kernel(const PrepareArgs& args, int length) {
  const int64_t columns = args.input(0).shape.back();
  const int64_t rows = rows_of(args.input(0), length, true);
  require_rows(args.output(), rows_of(args.output(), length + 2, false), rows);
  auto fft = std::make_shared<const RealFft<T>>(length, false);
  const int64_t scratch = fft->scratch_pairs() * 2 * static_cast<int64_t>(sizeof(T));
  return {[=](const InvokeArgs& run) {
            auto* pairs = reinterpret_cast<FftPair<T>*>(run.scratch);
            T* padded = reinterpret_cast<T*>(pairs + fft->scratch_pairs());
            std::fill_n(padded, length, T{});
            for (int64_t row = 0; row < rows; ++row) {
              std::copy_n(run.in<T>(0) + row * columns, columns, padded);
              fft->forward(padded, reinterpret_cast<FftPair<T>*>(run.out<T>() + row * (length + 2)),
                           pairs);
            }
          },
          scratch + length * static_cast<int64_t>(sizeof(T))};
}

template <class T>
Kernel backward_kernel(const PrepareArgs& args, int length) {
  const int64_t rows = rows_of(args.input(0), length + 2, false);
  require_rows(args.output(), rows_of(args.output(), length, false), rows);
  auto fft = std::make_shared<const RealFft<T>>(length, true);
  return {[=](const InvokeArgs& run) {
            auto* pairs = reinterpret_cast<FftPair<T>*>(run.scratch);
            for (int64_t row = 0; row < rows; ++row) {
              T* y = run.out<T>() + row * length;
              const T* x = run.in<T>(0) + row * (length + 2);
              fft->backward(reinterpret_cast<const FftPair<T>*>(x), y, pairs);
              if constexpr (std::is_floating_point_v<T>) {
                for (int i = 0; i < length; ++i) y[i] /= static_cast<T>(length);
              }
            }
          },
          fft->scratch_pairs() * 2 * static_cast<int64_t>(sizeof(T))};
}

template <class F>
Kernel with_fft_type(const PrepareArgs& args, F&& f) {
  require_type(args.input(0), {DataType::int16, DataType::int32, DataType::float32});
  require_same_type(args.input(0), args.output());
  switch (args.input(0).type) {
    case DataType::int16:
      return f(int16_t{});
    case DataType::int32:
      return f(int32_t{});
    default:
      return f(float{});
  }
}

}  // namespace

Kernel prepare_signal_rfft(const PrepareArgs& args) {
  const int length = fft_length(args);
  return with_fft_type(args,
                       [&](auto zero) { return forward_kernel<decltype(zero)>(args, length); });
}

Kernel prepare_signal_irfft(const PrepareArgs& args) {
  const int length = fft_length(args);
  return with_fft_type(args,
                       [&](auto zero) { return backward_kernel<decltype(zero)>(args, length); });
}

}  // namespace smelt
