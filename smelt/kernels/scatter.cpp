#include "smelt/kernels/scatter.h"

#include <algorithm>
#include <limits>

#include "smelt/kernels/number_types.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// Where the slice that `index` names starts, in slices; -1 outside of `sizes`.
template <class I>
int64_t slice_at(const I* index, const std::vector<int64_t>& sizes) {
  int64_t position = 0;
  for (size_t j = 0; j < sizes.size(); ++j) {
    if (index[j] < 0 || index[j] >= sizes[j]) return -1;
    position = position * sizes[j] + index[j];
  }
  return position;
}

template <class T>
T wrapping_sum(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a + b;
  } else {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
  }
}

template <class T>
T wrapping_product(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a * b;
  } else {
    return static_cast<T>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
  }
}

std::vector<int64_t> leading_sizes(const Shape& shape, int count) {
  return {shape.dims().begin(), shape.dims().begin() + count};
}

}  // namespace

Kernel prepare_scatter_nd(const PrepareArgs& args) {
  const Operand& indices = args.input(0);
  const Operand& updates = args.input(1);
  const Operand& y = args.output();
  require_same_type(updates, y);
  require_rank(indices, 1, INT32_MAX);
  const int outer = indices.shape.rank() - 1;
  const int depth = indices.shape.back();
  if (depth > y.shape.rank()) {
    fail(ErrorKind::bad_file, "indices of shape {} do not fit a result of shape {}",
         to_string(indices.shape), to_string(y.shape));
  }
  const int64_t slices = indices.shape.elements(0, outer);
  const int64_t slice = y.shape.elements(depth, y.shape.rank());
  if (updates.shape.elements() != checked_mul(slices, slice, "elements of the updates")) {
    fail(ErrorKind::bad_file, "{} has shape {}; {} slices of {} are needed", updates.name,
         to_string(updates.shape), slices, slice);
  }
  const int64_t count = y.shape.elements();
  return with_number_type(
      y,
      {DataType::float32, DataType::uint8, DataType::boolean, DataType::int8, DataType::int64,
       DataType::int32},
      [&](auto zero) {
        using T = decltype(zero);
        return with_index_type(indices, {DataType::int32, DataType::int64}, [&](auto index) {
          using I = decltype(index);
          return Kernel{[=, is_bool = y.type == DataType::boolean,
                         sizes = leading_sizes(y.shape, depth)](const InvokeArgs& run) {
            T* to = run.out<T>();
            std::fill_n(to, count, T{});
            for (int64_t s = 0; s < slices; ++s) {
              const int64_t at = slice_at(run.in<I>(0) + s * depth, sizes);
              if (at < 0) continue;
              const T* from = run.in<T>(1) + s * slice;
              for (int64_t i = 0; i < slice; ++i) {
                T& cell = to[at * slice + i];
                cell = is_bool ? static_cast<T>(cell != T{} || from[i] != T{})
                               : wrapping_sum(cell, from[i]);
              }
            }
          }};
        });
      });
}

Kernel prepare_sparse_to_dense(const PrepareArgs& args) {
  const Operand& indices = args.input(0);
  const Operand& values = args.input(2);
  const Operand& y = args.output();
  require_same_type(values, y);
  require_same_type(args.input(3), y);
  require_rank(indices, 0, 2);
  require_rank(values, 0, 1);
  if (args.input(3).shape.elements() != 1) {
    fail(ErrorKind::bad_file, "{} must be one value", args.input(3).name);
  }
  const int depth = indices.shape.rank() == 2 ? indices.shape[1] : 1;
  const int64_t points = indices.shape.rank() == 0 ? 1 : indices.shape[0];
  const bool one_value = values.shape.rank() == 0;
  if (depth != y.shape.rank() || (!one_value && values.shape.elements() != points)) {
    fail(ErrorKind::bad_file, "indices of shape {} and values of shape {} do not make a {}",
         to_string(indices.shape), to_string(values.shape), to_string(y.shape));
  }
  const int64_t count = y.shape.elements();
  return with_number_type(
      y, {DataType::float32, DataType::int32, DataType::int64, DataType::int8, DataType::uint8},
      [&](auto zero) {
        using T = decltype(zero);
        return with_index_type(indices, {DataType::int32, DataType::int64}, [&](auto index) {
          using I = decltype(index);
          return Kernel{[=, sizes = leading_sizes(y.shape, depth)](const InvokeArgs& run) {
            std::fill_n(run.out<T>(), count, run.in<T>(3)[0]);
            for (int64_t p = 0; p < points; ++p) {
              const int64_t at = slice_at(run.in<I>(0) + p * depth, sizes);
              if (at >= 0) run.out<T>()[at] = run.in<T>(2)[one_value ? 0 : p];
            }
          }};
        });
      });
}

namespace {

/// Folds the slices of x into the segments that ids name; empty segments hold `start`.
template <class T, class Fold>
Kernel fold_segments(const PrepareArgs& args, T start, Fold fold) {
  const Operand& x = args.input(0);
  const Operand& ids = args.input(1);
  const Operand& y = args.output();
  const int prefix = ids.shape.rank();
  const int64_t slices = ids.shape.elements();
  const int64_t slice = x.shape.elements(prefix, x.shape.rank());
  const int64_t segments = y.shape[0];
  return {[=](const InvokeArgs& run) {
    T* to = run.out<T>();
    std::fill_n(to, segments * slice, start);
    for (int64_t s = 0; s < slices; ++s) {
      const int32_t id = run.in<int32_t>(1)[s];
      if (id < 0 || id >= segments) continue;
      const T* from = run.in<T>(0) + s * slice;
      for (int64_t i = 0; i < slice; ++i) to[id * slice + i] = fold(to[id * slice + i], from[i]);
    }
  }};
}

void check_segments(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& ids = args.input(1);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_type(ids, {DataType::int32});
  require_rank(ids, 0, x.shape.rank());
  require_rank(y, 1, INT32_MAX);
  std::vector<int32_t> dims{y.shape[0]};
  for (int i = 0; i < x.shape.rank(); ++i) {
    if (i >= ids.shape.rank()) {
      dims.push_back(x.shape[i]);
    } else if (ids.shape[i] != x.shape[i]) {
      fail(ErrorKind::bad_file, "ids of shape {} do not begin the shape {}", to_string(ids.shape),
           to_string(x.shape));
    }
  }
  require_shape(y, Shape(std::move(dims)));
}

/// make(zero) gives the value of empty segments, fold(a, b) joins two values.
template <class Make, class Fold>
Kernel prepare_segments(const PrepareArgs& args, Make make, Fold fold) {
  check_segments(args);
  return with_number_type(args.input(0), {DataType::float32, DataType::int32}, [&](auto zero) {
    return fold_segments<decltype(zero)>(args, make(zero), fold);
  });
}

template <class T>
using Limits = std::numeric_limits<T>;

}  // namespace

Kernel prepare_segment_sum(const PrepareArgs& args) {
  require_rank(args.input(1), 1, 1);
  return prepare_unsorted_segment_sum(args);
}

Kernel prepare_unsorted_segment_sum(const PrepareArgs& args) {
  return prepare_segments(
      args, [](auto zero) { return zero; }, [](auto a, auto b) { return wrapping_sum(a, b); });
}

Kernel prepare_unsorted_segment_prod(const PrepareArgs& args) {
  return prepare_segments(
      args, [](auto zero) { return static_cast<decltype(zero)>(1); },
      [](auto a, auto b) { return wrapping_product(a, b); });
}

Kernel prepare_unsorted_segment_max(const PrepareArgs& args) {
  return prepare_segments(
      args, [](auto zero) { return Limits<decltype(zero)>::lowest(); },
      [](auto a, auto b) { return std::max(a, b); });
}

Kernel prepare_unsorted_segment_min(const PrepareArgs& args) {
  return prepare_segments(
      args, [](auto zero) { return Limits<decltype(zero)>::max(); },
      [](auto a, auto b) { return std::min(a, b); });
}

}  // namespace smelt
