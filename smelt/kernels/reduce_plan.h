#pragma once

#include <array>

#include "smelt/kernels/operands.h"

namespace smelt {

/// x as a list of rows in memory order, and where in y each row goes. On a row either every element
/// has an output of its own (`kept`) or all share one.
struct ReducePlan {
  static constexpr int kMaxRank = 8;

  int outer_rank = 0;
  std::array<int64_t, kMaxRank> size{};
  std::array<int64_t, kMaxRank> stride{};  ///< in y, 0 for reduced axes
  int64_t rows = 1;
  int64_t row = 1;
  bool kept = true;
  int64_t outputs = 1;
  int64_t reduced = 1;  ///< elements of x per output

  /// Calls f(row of x, first output).
  template <class T, class F>
  void for_each_row(const T* x, F&& f) const {
    std::array<int64_t, kMaxRank> at{};
    int64_t out = 0;
    for (int64_t r = 0; r < rows; ++r, x += row) {
      f(x, out);
      for (int axis = outer_rank - 1; axis >= 0; --axis) {
        const auto a = static_cast<size_t>(axis);
        out += stride[a];
        if (++at[a] < size[a]) break;
        out -= stride[a] * size[a];
        at[a] = 0;
      }
    }
  }

  /// y[...] = f(y[...], x[...]) for every x, y starting as `start`.
  template <class In, class Acc, class F>
  void fold(const In* x, Acc* y, Acc start, F f) const {
    std::fill_n(y, outputs, start);
    for_each_row(x, [&](const In* from, int64_t out) {
      if (kept) {
        for (int64_t i = 0; i < row; ++i) y[out + i] = f(y[out + i], from[i]);
      } else {
        Acc acc = y[out];
        for (int64_t i = 0; i < row; ++i) acc = f(acc, from[i]);
        y[out] = acc;
      }
    });
  }
};

/// From the constant axes (operand 1) and the shapes; bad_file where they do not fit.
ReducePlan make_reduce_plan(const PrepareArgs& args);

}  // namespace smelt
