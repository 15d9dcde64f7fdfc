#include "smelt/kernels/search.h"

#include <algorithm>
#include <cmath>

#include "smelt/kernels/number_types.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

template <class T>
bool is_nan(T value) {
  return value != value;
}

/// Larger values first, then smaller indices, NaN last.
template <class T>
struct Better {
  const T* values;
  bool operator()(int32_t a, int32_t b) const {
    const bool a_is_nan = is_nan(values[a]);
    if (a_is_nan != is_nan(values[b])) return !a_is_nan;
    if (values[a] > values[b]) return true;
    return !(values[b] > values[a]) && a < b;
  }
};

template <class T, class I>
Kernel top_k_kernel(int64_t rows, int64_t columns, int64_t k) {
  return {[=](const InvokeArgs& run) {
            auto* order = reinterpret_cast<int32_t*>(run.scratch);
            for (int64_t row = 0; row < rows; ++row) {
              const T* x = run.in<T>(0) + row * columns;
              for (int64_t i = 0; i < columns; ++i) order[i] = static_cast<int32_t>(i);
              std::partial_sort(order, order + k, order + columns, Better<T>{x});
              for (int64_t i = 0; i < k; ++i) {
                run.out<T>(0)[row * k + i] = x[order[i]];
                run.out<I>(1)[row * k + i] = static_cast<I>(order[i]);
              }
            }
          },
          columns * static_cast<int64_t>(sizeof(int32_t))};
}

}  // namespace

Kernel prepare_top_k(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& values = args.output(0);
  const Operand& indices = args.output(1);
  require_rank(x, 1, INT32_MAX);
  require_same_type(x, values);
  require_same_shape(values, indices);
  require_rank(values, x.shape.rank(), x.shape.rank());
  const int64_t columns = x.shape.back();
  const int64_t k = values.shape.back();
  Shape expected = x.shape;
  expected[expected.rank() - 1] = values.shape.back();
  require_shape(values, expected);
  if (k > columns || (indices.type == DataType::int16 && columns > INT16_MAX)) {
    fail(ErrorKind::bad_file, "takes {} of {} values with indices of type {}", k, columns,
         name(indices.type));
  }
  const int64_t rows = x.shape.elements(0, x.shape.rank() - 1);
  return with_number_type(
      x,
      {DataType::float32, DataType::int8, DataType::uint8, DataType::int16, DataType::int32,
       DataType::int64},
      [&](auto zero) {
        return with_index_type(indices, {DataType::int32, DataType::int16}, [&](auto index) {
          return top_k_kernel<decltype(zero), decltype(index)>(rows, columns, k);
        });
      });
}

Kernel prepare_where(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_type(y, {DataType::int64});
  const int rank = x.shape.rank();
  require_rank(y, 2, 2);
  if (y.shape[1] != rank) {
    fail(ErrorKind::bad_file, "{} has shape {}; positions in {} take {} numbers", y.name,
         to_string(y.shape), to_string(x.shape), rank);
  }
  const int64_t rows = y.shape[0];
  return with_number_type(x,
                          {DataType::boolean, DataType::float32, DataType::int32, DataType::int64,
                           DataType::int8, DataType::uint8, DataType::uint32},
                          [&](auto zero) {
                            using T = decltype(zero);
                            return Kernel{[rows, rank, shape = x.shape](const InvokeArgs& run) {
                              int64_t* to = run.out<int64_t>();
                              int64_t row = 0;
                              const int64_t count = shape.elements();
                              for (int64_t i = 0; i < count && row < rows; ++i) {
                                if (run.in<T>(0)[i] == T{}) continue;
                                int64_t rest = i;
                                for (int axis = rank - 1; axis >= 0; --axis) {
                                  to[row * rank + axis] = rest % shape[axis];
                                  rest /= shape[axis];
                                }
                                ++row;
                              }
                              std::fill(to + row * rank, to + rows * rank, int64_t{0});
                            }};
                          });
}

namespace {

/// Sorts positions by value, so that equal values stand together with the first one in front.
template <class T, class I>
Kernel unique_kernel(int64_t count, int64_t limit) {
  return {[=](const InvokeArgs& run) {
            const T* x = run.in<T>(0);
            I* place = run.out<I>(1);
            auto* order = reinterpret_cast<int64_t*>(run.scratch);
            int64_t* first = order + count;  // per element, where its value occurs first
            for (int64_t i = 0; i < count; ++i) order[i] = i;
            std::sort(order, order + count, [x](int64_t a, int64_t b) {
              if (is_nan(x[a]) != is_nan(x[b])) return is_nan(x[b]);
              return x[a] < x[b] || (!(x[b] < x[a]) && a < b);
            });
            for (int64_t i = 0; i < count; ++i) {
              const bool same = i > 0 && x[order[i]] == x[order[i - 1]];
              first[order[i]] = same ? first[order[i - 1]] : order[i];
            }
            int64_t found = 0;
            for (int64_t i = 0; i < count; ++i) {
              if (first[i] != i) {
                place[i] = place[first[i]];
                continue;
              }
              if (found < limit) run.out<T>(0)[found] = x[i];
              place[i] = static_cast<I>(found++);
            }
            std::fill(run.out<T>(0) + std::min(found, limit), run.out<T>(0) + limit, T{});
          },
          checked_mul(count, 2 * static_cast<int64_t>(sizeof(int64_t)), "scratch of UNIQUE")};
}

}  // namespace

Kernel prepare_unique(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& values = args.output(0);
  require_rank(x, 1, 1);
  require_rank(values, 1, 1);
  require_same_type(x, values);
  require_shape(args.output(1), x.shape);
  const int64_t count = x.shape.elements();
  const int64_t limit = values.shape.elements();
  return with_number_type(
      x,
      {DataType::float32, DataType::int8, DataType::uint8, DataType::int16, DataType::int32,
       DataType::int64},
      [&](auto zero) {
        return with_index_type(args.output(1), {DataType::int32, DataType::int64}, [&](auto index) {
          return unique_kernel<decltype(zero), decltype(index)>(count, limit);
        });
      });
}

}  // namespace smelt
