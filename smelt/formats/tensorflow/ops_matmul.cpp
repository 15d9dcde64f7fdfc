#include <algorithm>
#include <numeric>

#include "smelt/formats/tensorflow/einsum.h"
#include "smelt/formats/tensorflow/node.h"

namespace smelt::tensorflow {
namespace {

/// The order that swaps the last two axes.
std::vector<int32_t> swapped(int rank) {
  std::vector<int32_t> order(static_cast<size_t>(std::max(rank, 2)));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return order;
}

}  // namespace

TensorId matmul(Builder& graph, TensorId x, TensorId w, bool transpose_x, bool transpose_w) {
  if (graph.rank(x) < 2 || graph.rank(w) < 2) {
    fail(ErrorKind::bad_file, "it multiplies {} by {}", to_string(graph.shape(x)),
         to_string(graph.shape(w)));
  }
  const bool dense = graph.is_constant(w) && graph.rank(w) == 2;
  if (!dense) {
    return graph.op(OpType::batch_matmul, {x, w},
                    BatchMatMulAttributes{.adj_x = transpose_x, .adj_y = transpose_w});
  }
  if (transpose_x) x = graph.transpose(x, swapped(graph.rank(x)));
  if (!transpose_w) w = graph.transpose(w, {1, 0});
  return graph.op(OpType::fully_connected, {x, w},
                  FullyConnectedAttributes{.keep_num_dims = graph.rank(x) > 2});
}

namespace {

Values import_matmul(const Node& node) {
  return {matmul(node.graph, node.input(0), node.input(1),
                 node.attributes.flag("transpose_a", false),
                 node.attributes.flag("transpose_b", false))};
}

Values import_batch_matmul(const Node& node) {
  return {matmul(node.graph, node.input(0), node.input(1), node.attributes.flag("adj_x", false),
                 node.attributes.flag("adj_y", false))};
}

Values import_fused_matmul(const Node& node) {
  TensorId y =
      matmul(node.graph, node.input(0), node.input(1), node.attributes.flag("transpose_a", false),
             node.attributes.flag("transpose_b", false));
  size_t next = 2;
  for (const std::string& op : node.attributes.texts("fused_ops")) {
    if (op == "BiasAdd" || op == "Add") {
      y = node.graph.op(OpType::add, {y, node.input(next++)});
    } else {
      const bool more = next < node.count();
      y = activation(node, op, y, op == "Prelu" && more ? node.input(next) : TensorId::none);
    }
  }
  return {y};
}

Values import_einsum(const Node& node) {
  return {einsum(node.graph, node.attributes.text("equation", ""), node.tensors(0, node.count()))};
}

constexpr OpRow kRows[] = {
    {"MatMul", import_matmul},
    {"_FusedMatMul", import_fused_matmul},
    {"BatchMatMul", import_batch_matmul},
    {"BatchMatMulV2", import_batch_matmul},
    {"BatchMatMulV3", import_batch_matmul},
    {"Einsum", import_einsum},
    {"XlaEinsum", import_einsum},
};

}  // namespace

std::span<const OpRow> matmul_ops() { return kRows; }

}  // namespace smelt::tensorflow
