#pragma once

#include <array>
#include <cstdint>

#include "smelt/kernels/kernel.h"

namespace smelt {

/// How N operands spread over one output (NumPy rules), with neighbouring axes merged: the output
/// is a list of rows of `row` elements, and on a row each operand advances by 1 or stays.
template <size_t N>
struct Broadcast {
  static constexpr int kMaxRank = 8;

  int outer_rank = 0;
  std::array<int64_t, kMaxRank> size{};
  std::array<std::array<int64_t, N>, kMaxRank> stride{};
  int64_t rows = 1;
  int64_t row = 1;
  std::array<bool, N> advances{};  ///< on a row

  /// True where every operand is as large as the output.
  bool plain() const {
    bool all = rows == 1;
    for (const bool a : advances) all = all && (a || row == 1);
    return all;
  }

  /// Calls f(first element of the output, offsets of the operands) for every row.
  template <class F>
  void for_each_row(F&& f) const {
    std::array<int64_t, kMaxRank> at{};
    std::array<int64_t, N> offset{};
    if (row == 0) return;
    for (int64_t r = 0; r < rows; ++r) {
      f(r * row, offset);
      for (int axis = outer_rank - 1; axis >= 0; --axis) {
        const auto a = static_cast<size_t>(axis);
        for (size_t k = 0; k < N; ++k) offset[k] += stride[a][k];
        if (++at[a] < size[a]) break;
        for (size_t k = 0; k < N; ++k) offset[k] -= stride[a][k] * size[a];
        at[a] = 0;
      }
    }
  }
};

/// bad_file where an operand does not spread over the output; unsupported beyond kMaxRank merged
/// axes.
template <size_t N>
Broadcast<N> make_broadcast(const std::array<const Operand*, N>& operands, const Operand& output);

extern template Broadcast<1> make_broadcast<1>(const std::array<const Operand*, 1>&,
                                               const Operand&);
extern template Broadcast<2> make_broadcast<2>(const std::array<const Operand*, 2>&,
                                               const Operand&);
extern template Broadcast<3> make_broadcast<3>(const std::array<const Operand*, 3>&,
                                               const Operand&);

/// y = f(a, b) over a broadcast of two operands; the loops over rows have no branches.
template <class A, class B, class Out, class F>
void broadcast_binary(const Broadcast<2>& plan, const A* a, const B* b, Out* y, const F& f) {
  plan.for_each_row([&](int64_t out, const std::array<int64_t, 2>& offset) {
    const A* ra = a + offset[0];
    const B* rb = b + offset[1];
    Out* ry = y + out;
    const int64_t n = plan.row;
    if (plan.advances[0] && plan.advances[1]) {
      for (int64_t i = 0; i < n; ++i) ry[i] = f(ra[i], rb[i]);
    } else if (plan.advances[0]) {
      const B vb = *rb;
      for (int64_t i = 0; i < n; ++i) ry[i] = f(ra[i], vb);
    } else if (plan.advances[1]) {
      const A va = *ra;
      for (int64_t i = 0; i < n; ++i) ry[i] = f(va, rb[i]);
    } else {
      const Out value = f(*ra, *rb);
      for (int64_t i = 0; i < n; ++i) ry[i] = value;
    }
  });
}

/// A kernel of two operands and one result: y = f(a, b).
template <class A, class B, class Out, class F>
Kernel broadcast_kernel(const PrepareArgs& args, F f) {
  const auto plan = make_broadcast<2>({&args.input(0), &args.input(1)}, args.output());
  return {[plan, f](const InvokeArgs& run) {
    const F local = f;  // bytes that are written could alias the closure, never this copy
    broadcast_binary(plan, run.in<A>(0), run.in<B>(1), run.out<Out>(), local);
  }};
}

}  // namespace smelt
