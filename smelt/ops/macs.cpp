#include "smelt/ops/macs.h"

#include <initializer_list>
#include <limits>

namespace smelt {
namespace {

int64_t saturated(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (factor <= 0) return 0;
    if (__builtin_mul_overflow(product, factor, &product)) {
      return std::numeric_limits<int64_t>::max();
    }
  }
  return product;
}

int64_t elements(const Shape& shape) { return shape.known() ? shape.elements() : 0; }

int64_t sum_of_weights(const Graph& graph, const Op& op, size_t first, size_t last) {
  int64_t sum = 0;
  for (size_t i = first; i <= last; ++i) {
    if (op.input(i)) sum += elements(graph.tensor(op.input(i)).shape);
  }
  return sum;
}

}  // namespace

int64_t macs(const Graph& graph, OpId id) {
  const Op& op = graph.op(id);
  const auto shape = [&](size_t i) {
    return op.input(i) ? graph.tensor(op.input(i)).shape : Shape();
  };
  const int64_t results = op.output() ? elements(graph.tensor(op.output()).shape) : 0;
  const Shape w = shape(1);
  switch (op.type) {
    case OpType::conv_2d:
      return w.rank() == 4 ? saturated({results, w[1], w[2], w[3]}) : 0;
    case OpType::depthwise_conv_2d:
      return w.rank() == 4 ? saturated({results, w[1], w[2]}) : 0;
    case OpType::transpose_conv:
      return w.rank() == 4 ? saturated({elements(shape(2)), w[0], w[1], w[2]}) : 0;
    case OpType::conv_3d:
      return w.rank() == 5 ? saturated({results, w[0], w[1], w[2], w[3]}) : 0;
    case OpType::fully_connected:
      return w.rank() == 2 ? saturated({results, w[1]}) : 0;
    case OpType::batch_matmul: {
      const Shape x = shape(0);
      if (x.rank() < 2) return 0;
      const bool adjoint = op.as<BatchMatMulAttributes>().adj_x;
      return saturated({results, adjoint ? x[x.rank() - 2] : x.back()});
    }
    case OpType::svdf:
      return shape(0).rank() == 2 ? saturated({shape(0)[0], sum_of_weights(graph, op, 1, 2)}) : 0;
    case OpType::recurrent:
      return shape(0).rank() == 3
                 ? saturated({shape(0)[0], shape(0)[1], sum_of_weights(graph, op, 1, 2)})
                 : 0;
    case OpType::unidirectional_sequence_lstm: {
      const Shape x = shape(0);
      const int64_t weights = sum_of_weights(graph, op, 1, 11) + sum_of_weights(graph, op, 16, 16);
      return x.rank() == 3 ? saturated({x[0], x[1], weights}) : 0;
    }
    case OpType::bidirectional_sequence_lstm: {
      const Shape x = shape(0);
      const int64_t weights = sum_of_weights(graph, op, 1, 11) + sum_of_weights(graph, op, 16, 16) +
                              sum_of_weights(graph, op, 18, 28) +
                              sum_of_weights(graph, op, 33, 33) + sum_of_weights(graph, op, 40, 47);
      return x.rank() == 3 ? saturated({x[0], x[1], weights}) : 0;
    }
    default:
      return 0;
  }
}

int64_t macs(const Graph& graph) {
  int64_t sum = 0;
  for (const OpId id : graph.ops()) {
    if (__builtin_add_overflow(sum, macs(graph, id), &sum)) {
      return std::numeric_limits<int64_t>::max();
    }
  }
  return sum;
}

}  // namespace smelt
