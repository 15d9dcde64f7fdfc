#include "smelt/formats/tensorflow/patterns.h"

#include <cmath>
#include <vector>

namespace smelt::tensorflow {
namespace {

/// The op that computes a tensor, where it has the type.
const Op* maker(const Graph& graph, TensorId id, OpType type) {
  const OpId producer = graph.producer(id);
  if (!producer || graph.op(producer).type != type) return nullptr;
  return &graph.op(producer);
}

/// The same where nothing else reads the tensor.
const Op* sole_maker(const Graph& graph, TensorId id, OpType type) {
  if (graph.consumers(id).size() != 1 || graph.is_output(id)) return nullptr;
  return maker(graph, id, type);
}

bool is_float_constant(const Graph& graph, TensorId id) {
  return graph.tensor(id).is_constant && graph.tensor(id).type == DataType::float32;
}

/// The slopes of MUL(slopes, RELU(NEG(x))), or none.
TensorId slopes_behind(const Graph& graph, TensorId id, TensorId x) {
  const Op* product = sole_maker(graph, id, OpType::mul);
  for (size_t i = 0; product != nullptr && i < 2; ++i) {
    const TensorId slopes = product->input(i);
    const Op* relu = maker(graph, product->input(1 - i), OpType::relu);
    const Op* negative = relu == nullptr ? nullptr : maker(graph, relu->input(0), OpType::neg);
    if (negative == nullptr || negative->input(0) != x || !is_float_constant(graph, slopes))
      continue;
    return slopes;
  }
  return TensorId::none;
}

/// PRELU wants slopes without the batch axis that broadcast to x.
bool fits_prelu(const Shape& slopes, const Shape& x) {
  if (slopes.rank() + 1 != x.rank()) return false;
  for (int i = 0; i < slopes.rank(); ++i) {
    if (slopes[i] != 1 && slopes[i] != x[i + 1]) return false;
  }
  return true;
}

bool fuse_prelu(Graph& graph, OpId id) {
  const Op sum = graph.op(id);
  for (size_t i = 0; i < 2; ++i) {
    const Op* relu = sole_maker(graph, sum.input(i), OpType::relu);
    if (relu == nullptr) continue;
    const TensorId x = relu->input(0);
    const TensorId slopes = slopes_behind(graph, sum.input(1 - i), x);
    if (!slopes || !fits_prelu(graph.tensor(slopes).shape, graph.tensor(x).shape)) continue;
    const auto values = graph.tensor(slopes).data.as<float>();
    std::vector<float> alpha(values.begin(), values.end());
    for (float& value : alpha) value = -value;
    Tensor constant = graph.tensor(slopes);
    constant.name += "/alpha";
    constant.data = Buffer::of(alpha);
    const TensorId operand = graph.add_tensor(std::move(constant));
    graph.set_op_kind(id, OpType::prelu, NoAttributes{});
    graph.set_op_inputs(id, {x, operand});
    return true;
  }
  return false;
}

/// True for SUM over the last axis alone of the squares of x, kept as an axis of size 1.
bool sums_squares(const Graph& graph, TensorId id, TensorId x) {
  const Op* sum = sole_maker(graph, id, OpType::sum);
  if (sum == nullptr || !sum->as<ReduceAttributes>().keep_dims) return false;
  const Tensor& axes = graph.tensor(sum->input(1));
  const int last = graph.tensor(x).shape.rank() - 1;
  if (!axes.is_constant || axes.type != DataType::int32 || axes.data.size() != 4) return false;
  const int32_t axis = axes.data.as<int32_t>()[0];
  if (axis != last && axis != -1) return false;
  const Op* square = sole_maker(graph, sum->input(0), OpType::square);
  if (square != nullptr) return square->input(0) == x;
  const Op* product = sole_maker(graph, sum->input(0), OpType::mul);
  return product != nullptr && product->input(0) == x && product->input(1) == x;
}

bool fuse_l2_normalization(Graph& graph, OpId id) {
  const Op product = graph.op(id);
  constexpr float kEpsilon = 1e-12f;  // TFLite's kernel bounds the root by 1e-6
  for (size_t i = 0; i < 2; ++i) {
    const TensorId x = product.input(i);
    const Op* root = sole_maker(graph, product.input(1 - i), OpType::rsqrt);
    const Op* bound =
        root == nullptr ? nullptr : sole_maker(graph, root->input(0), OpType::maximum);
    if (bound == nullptr || graph.tensor(x).type != DataType::float32) continue;
    for (size_t k = 0; k < 2; ++k) {
      const Tensor& least = graph.tensor(bound->input(k));
      if (!is_float_constant(graph, bound->input(k)) || least.data.size() != 4) continue;
      if (std::abs(least.data.as<float>()[0] - kEpsilon) > 0.1f * kEpsilon) continue;
      if (!sums_squares(graph, bound->input(1 - k), x)) continue;
      graph.set_op_kind(id, OpType::l2_normalization, FusedAttributes{});
      graph.set_op_inputs(id, {x});
      return true;
    }
  }
  return false;
}

}  // namespace

int fuse_prelu(Graph& graph) {
  int found = 0;
  for (const OpId id : graph.ops()) {
    if (graph.op(id).type == OpType::add) found += fuse_prelu(graph, id);
  }
  return found;
}

int fuse_l2_normalization(Graph& graph) {
  int found = 0;
  for (const OpId id : graph.ops()) {
    if (graph.op(id).type == OpType::mul) found += fuse_l2_normalization(graph, id);
  }
  return found;
}

}  // namespace smelt::tensorflow
