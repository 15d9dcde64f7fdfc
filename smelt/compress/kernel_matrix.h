#pragma once

#include <cstdint>

#include "smelt/ir/graph.h"

namespace smelt::compress {

/// A kernel as a matrix of output channels (rows) and what each of them multiplies (columns):
/// convolutions [O,H,W,I] and dense layers [O,I] have rows O and columns H*W*I, depthwise ones
/// [1,H,W,C] rows C and columns H*W. Value (r, c) lies at r * row_stride + c * col_stride.
struct KernelMatrix {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t row_stride = 0;
  int64_t col_stride = 1;
  /// Values that stand one behind the other along the input axis: I, or columns where rows are
  /// plain. 1 for depthwise kernels, which have no input axis. Groups of 2:4 stay within.
  int64_t run = 1;
  bool depthwise = false;

  int64_t size() const { return rows * cols; }
  int64_t index(int64_t row, int64_t col) const { return row * row_stride + col * col_stride; }
};

/// Of a constant that is operand `operand` of `op`.
KernelMatrix kernel_matrix(const Op& op, const Shape& shape);

/// Of the constant `id`, through the op that reads it as a kernel.
KernelMatrix kernel_matrix(const Graph& graph, TensorId id);

}  // namespace smelt::compress
