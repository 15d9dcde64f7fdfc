#include "smelt/compress/kernel_matrix.h"

namespace smelt::compress {
namespace {

/// Rows are the first axis; the last one runs along the inputs.
KernelMatrix rows_first(const Shape& shape) {
  const int64_t rows = shape.rank() > 0 ? shape[0] : 1;
  const int64_t cols = shape.elements(shape.rank() > 0 ? 1 : 0, shape.rank());
  return {
      .rows = rows, .cols = cols, .row_stride = cols, .run = shape.rank() > 1 ? shape.back() : 1};
}

/// Rows are the last axis.
KernelMatrix rows_last(const Shape& shape, int64_t run) {
  const int64_t rows = shape.back();
  const int64_t cols = shape.elements(0, shape.rank() - 1);
  return {.rows = rows, .cols = cols, .row_stride = 1, .col_stride = rows, .run = run};
}

KernelMatrix one_row(const Shape& shape) {
  const int64_t size = shape.elements();
  return {.rows = 1, .cols = size, .row_stride = size, .run = size};
}

}  // namespace

KernelMatrix kernel_matrix(const Op& op, const Shape& shape) {
  const int rank = shape.rank();
  switch (op.type) {
    case OpType::depthwise_conv_2d: {
      if (rank != 4) return one_row(shape);
      KernelMatrix matrix = rows_last(shape, 1);
      matrix.depthwise = true;
      return matrix;
    }
    case OpType::conv_3d:  // [D,H,W,I,O]
      return rank == 5 ? rows_last(shape, shape[3]) : one_row(shape);
    case OpType::batch_matmul: {  // x [.., I] times [I,O], or [O,I] where adj_y
      if (rank != 2) return one_row(shape);
      return op.as<BatchMatMulAttributes>().adj_y ? rows_first(shape) : rows_last(shape, shape[0]);
    }
    case OpType::conv_3d_transpose:
      return one_row(shape);
    default:
      return rows_first(shape);
  }
}

KernelMatrix kernel_matrix(const Graph& graph, TensorId id) {
  const Shape& shape = graph.tensor(id).shape;
  const std::vector<OpId>& readers = graph.consumers(id);
  return readers.empty() ? one_row(shape) : kernel_matrix(graph.op(readers.front()), shape);
}

}  // namespace smelt::compress
