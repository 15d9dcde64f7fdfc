#pragma once

#include <algorithm>

#include "smelt/ir/graph.h"

namespace smelt::tflite {

/// Types and shapes of an op's operands; asking for one that is absent is answered "no".
class Operands {
 public:
  Operands(const Graph& graph, const Op& op) : graph_(graph), op_(op) {}

  const Tensor* in(size_t i) const { return find(op_.input(i)); }
  const Tensor* out(size_t i = 0) const { return find(op_.output(i)); }

  bool in_is(size_t i, DataType type) const { return in(i) && in(i)->type == type; }
  bool out_is(DataType type) const { return out() && out()->type == type; }
  /// First operand, second operand (weights), first result.
  bool are(DataType x, DataType w, DataType y) const {
    return in_is(0, x) && in_is(1, w) && out_is(y);
  }
  bool both_are(DataType type) const { return in_is(0, type) && out_is(type); }

  int rank(size_t i) const { return in(i) ? in(i)->shape.rank() : 0; }
  int greatest_rank() const {
    int rank = 0;
    for (size_t i = 0; i < op_.inputs.size(); ++i) rank = std::max(rank, this->rank(i));
    return rank;
  }
  bool broadcasts() const { return in(0) && in(1) && in(0)->shape != in(1)->shape; }
  bool quantized(size_t i) const { return in(i) && in(i)->quantization.quantized(); }
  bool per_axis(const Tensor* tensor) const { return tensor && tensor->quantization.per_axis(); }

  const Op& op() const { return op_; }
  template <class A>
  const A* attributes() const {
    return std::get_if<A>(&op_.attributes);
  }

 private:
  const Tensor* find(TensorId id) const { return id ? &graph_.tensor(id) : nullptr; }

  const Graph& graph_;
  const Op& op_;
};

}  // namespace smelt::tflite
