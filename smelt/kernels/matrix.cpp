#include "smelt/kernels/matrix.h"

#include <algorithm>

#include "smelt/kernels/operands.h"

namespace smelt {

Kernel prepare_matrix_diag(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_rank(x, 1, INT32_MAX);
  std::vector<int32_t> dims = x.shape.dims();
  dims.push_back(dims.back());
  require_shape(y, Shape(std::move(dims)));
  const int64_t n = x.shape.back();
  const int64_t count = x.shape.elements();
  const int64_t total = y.shape.elements();
  return with_element_size(element_bytes(x), [&](auto zero) {
    using T = decltype(zero);
    return Kernel{[=](const InvokeArgs& run) {
      T* to = run.out<T>();
      std::fill_n(to, total, T{0});
      for (int64_t i = 0; i < count; ++i) to[i * n + i % n] = run.in<T>(0)[i];
    }};
  });
}

Kernel prepare_matrix_set_diag(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& diagonal = args.input(1);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_same_type(diagonal, y);
  require_rank(x, 2, INT32_MAX);
  require_same_shape(x, y);
  const int rank = x.shape.rank();
  const int64_t columns = x.shape[rank - 1];
  const int64_t rows = x.shape[rank - 2];
  std::vector<int32_t> dims(x.shape.dims().begin(), x.shape.dims().end() - 1);
  dims.back() = static_cast<int32_t>(std::min(rows, columns));
  require_shape(diagonal, Shape(std::move(dims)));
  const int64_t count = x.shape.elements();
  return with_element_size(element_bytes(x), [&](auto zero) {
    using T = decltype(zero);
    return Kernel{[=](const InvokeArgs& run) {
      T* to = run.out<T>();
      const int64_t length = std::min(rows, columns);
      std::copy_n(run.in<T>(0), count, to);
      for (int64_t m = 0; count > 0 && m < count / (rows * columns); ++m) {
        for (int64_t i = 0; i < length; ++i) {
          to[m * rows * columns + i * columns + i] = run.in<T>(1)[m * length + i];
        }
      }
    }};
  });
}

namespace {

/// Moves slices of `bytes`; [outer, first, middle, second, inner] with the batch axis first or
/// second.
struct SequenceShape {
  int64_t outer = 1, first = 1, middle = 1, second = 1, bytes = 1;
  bool batch_is_first = true;
};

template <class L>
Kernel reverse_kernel(const SequenceShape& s) {
  return {[s](const InvokeArgs& run) {
    const int64_t sequence = s.batch_is_first ? s.second : s.first;
    for (int64_t o = 0; o < s.outer; ++o) {
      for (int64_t f = 0; f < s.first; ++f) {
        for (int64_t m = 0; m < s.middle; ++m) {
          for (int64_t e = 0; e < s.second; ++e) {
            const int64_t batch = s.batch_is_first ? f : e;
            const int64_t at = s.batch_is_first ? e : f;
            const int64_t length = std::min<int64_t>(run.in<L>(1)[batch], sequence);
            const int64_t from = at < length ? length - 1 - at : at;
            const int64_t from_first = s.batch_is_first ? f : from;
            const int64_t from_second = s.batch_is_first ? from : e;
            const auto place = [&](int64_t i, int64_t j) {
              return (((o * s.first + i) * s.middle + m) * s.second + j) * s.bytes;
            };
            std::memcpy(run.out<uint8_t>() + place(f, e),
                        run.in<uint8_t>(0) + place(from_first, from_second),
                        static_cast<size_t>(s.bytes));
          }
        }
      }
    }
  }};
}

}  // namespace

Kernel prepare_reverse_sequence(const PrepareArgs& args) {
  const auto& a = attributes_of<ReverseSequenceAttributes>(args);
  const Operand& x = args.input(0);
  const Operand& lengths = args.input(1);
  require_same_type(x, args.output());
  require_same_shape(x, args.output());
  const int rank = x.shape.rank();
  const bool inside = a.seq_axis >= 0 && a.batch_axis >= 0 && a.seq_axis < rank &&
                      a.batch_axis < rank && a.seq_axis != a.batch_axis;
  if (!inside) {
    fail(ErrorKind::bad_file, "axes {} and {} are no axes of shape {}", a.seq_axis, a.batch_axis,
         to_string(x.shape));
  }
  require_shape(lengths, {x.shape[a.batch_axis]});
  const int low = std::min(a.seq_axis, a.batch_axis);
  const int high = std::max(a.seq_axis, a.batch_axis);
  const SequenceShape s{.outer = x.shape.elements(0, low),
                        .first = x.shape[low],
                        .middle = x.shape.elements(low + 1, high),
                        .second = x.shape[high],
                        .bytes = element_bytes(x) * x.shape.elements(high + 1, rank),
                        .batch_is_first = a.batch_axis == low};
  require_type(lengths, {DataType::int32, DataType::int64});
  return lengths.type == DataType::int32 ? reverse_kernel<int32_t>(s) : reverse_kernel<int64_t>(s);
}

Kernel prepare_dilate(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& padding = args.input(2);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_same_type(padding, y);
  if (padding.shape.elements() != 1)
    fail(ErrorKind::bad_file, "{} must be one value", padding.name);
  const std::vector<int64_t> dilations = constant_ints(args.input(1));
  const int rank = x.shape.rank();
  if (static_cast<int>(dilations.size()) != rank || y.shape.rank() != rank) {
    fail(ErrorKind::bad_file, "{} dilations for shape {}", dilations.size(), to_string(x.shape));
  }
  std::vector<int64_t> steps(dilations.size());  // of x's axes, in elements of y
  int64_t step = 1;
  for (int axis = rank - 1; axis >= 0; --axis) {
    const int64_t dilation = dilations[static_cast<size_t>(axis)];
    const int64_t size = x.shape[axis];
    if (dilation < 1 ||
        y.shape[axis] != (size > 0 ? checked_mul(size - 1, dilation, "axis") + 1 : 0)) {
      fail(ErrorKind::bad_file, "axis {} of {} cannot be dilated by {} to {}", axis, size, dilation,
           y.shape[axis]);
    }
    steps[static_cast<size_t>(axis)] = step * dilation;
    step *= y.shape[axis];
  }
  return with_element_size(element_bytes(x), [&](auto zero) {
    using T = decltype(zero);
    return Kernel{[=, shape = x.shape, total = y.shape.elements()](const InvokeArgs& run) {
      std::fill_n(run.out<T>(), total, run.in<T>(2)[0]);
      const int64_t count = shape.elements();
      for (int64_t i = 0; i < count; ++i) {
        int64_t rest = i;
        int64_t at = 0;
        for (int axis = shape.rank() - 1; axis >= 0; --axis) {
          at += rest % shape[axis] * steps[static_cast<size_t>(axis)];
          rest /= shape[axis];
        }
        run.out<T>()[at] = run.in<T>(0)[i];
      }
    }};
  });
}

}  // namespace smelt
