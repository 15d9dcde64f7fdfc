#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "smelt/kernels/kernel.h"

namespace smelt {

/// y[i0][i1]...[ik] = x[base + i0 * stride0 + ... + ik * stridek], all counted in elements: what
/// transposes, slices, reversals, tiles, broadcasts and space/depth moves are. Strides may be 0 or
/// negative.
struct StridedCopy {
  static constexpr int kMaxRank = 8;

  int rank = 0;  ///< 0 where there is nothing to copy
  std::array<int64_t, kMaxRank> size{};
  std::array<int64_t, kMaxRank> stride{};
  int64_t base = 0;
  int64_t bytes = 1;  ///< of an element: 1, 2, 4 or 8

  /// Merges axes that lie behind each other. unsupported where more than kMaxRank remain.
  static StridedCopy make(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides,
                          int64_t base, int64_t element_bytes);

  void run(const void* x, void* y) const { run(x, y, base); }
  void run(const void* x, void* y, int64_t from) const;
};

/// Elements between neighbours on each axis of a dense tensor.
std::vector<int64_t> dense_strides(const Shape& shape);

/// The kernel that copies operand 0 to result 0.
Kernel strided_copy_kernel(const StridedCopy& copy);

}  // namespace smelt
