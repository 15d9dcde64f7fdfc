#include <algorithm>

#include "smelt/formats/tensorflow/node.h"

namespace smelt::tensorflow {
namespace {

bool all_are(Builder& graph, TensorId id, float wanted) {
  const Tensor& tensor = graph.tensor(id);
  if (!tensor.is_constant || tensor.type != DataType::float32) return false;
  const auto values = tensor.data.as<float>();
  return std::all_of(values.begin(), values.end(), [&](float value) { return value == wanted; });
}

/// Statistics of the values at hand, over all axes but `axis`: layer normalization is written so.
TensorId normalize_by_batch(const Node& node, int axis) {
  Builder& graph = node.graph;
  const TensorId x = node.input(0);
  std::vector<int32_t> axes;
  std::vector<int32_t> dims;
  for (int32_t i = 0; i < graph.rank(x); ++i) {
    if (i != axis) axes.push_back(i);
    dims.push_back(i == axis ? -1 : 1);
  }
  const ReduceAttributes keep{.keep_dims = true};
  const TensorId mean = graph.op(OpType::mean, {x, graph.ints(axes)}, keep);
  const TensorId off = graph.op(OpType::squared_difference, {x, mean});
  const TensorId variance = graph.op(OpType::mean, {off, graph.ints(axes)}, keep);
  const TensorId epsilon = graph.scalar(node.attributes.number("epsilon", 1e-4f));
  TensorId scale = graph.op(OpType::rsqrt, {graph.op(OpType::add, {variance, epsilon})});
  if (!all_are(graph, node.input(1), 1)) {
    scale = graph.op(OpType::mul, {scale, graph.reshape(node.input(1), dims)});
  }
  const TensorId y = graph.op(OpType::mul, {graph.op(OpType::sub, {x, mean}), scale});
  if (all_are(graph, node.input(2), 0)) return y;
  return graph.op(OpType::add, {y, graph.reshape(node.input(2), dims)});
}

/// x, scale, offset, mean, variance.
Values import_fused_batch_norm(const Node& node) {
  const TensorId x = node.input(0);
  const int axis = node.channels_first() ? 1 : node.rank(0) - 1;
  if (node.rank(0) < 2)
    fail(ErrorKind::bad_file, "its input has shape {}", to_string(node.shape(0)));
  if (node.attributes.flag("is_training", true)) return {normalize_by_batch(node, axis)};
  const BatchNormalizationAttributes attributes{.epsilon = node.attributes.number("epsilon", 1e-4f),
                                                .axis = axis};
  for (size_t i = 1; i < 5; ++i) node.numbers(i, "a statistic");
  return {node.graph.op(OpType::batch_normalization,
                        {x, node.input(1), node.input(2), node.input(3), node.input(4)},
                        attributes)};
}

/// x, mean, variance, beta, gamma.
Values import_global_batch_norm(const Node& node) {
  const BatchNormalizationAttributes attributes{
      .epsilon = node.attributes.number("variance_epsilon", 1e-4f), .axis = -1};
  const bool scaled = node.attributes.flag("scale_after_normalization", true);
  return {node.graph.op(OpType::batch_normalization,
                        {node.input(0), scaled ? node.input(4) : TensorId::none, node.input(3),
                         node.input(1), node.input(2)},
                        attributes)};
}

Values import_local_response(const Node& node) {
  const LocalResponseNormalizationAttributes attributes{
      .radius = static_cast<int32_t>(node.attributes.integer("depth_radius", 5)),
      .bias = node.attributes.number("bias", 1),
      .alpha = node.attributes.number("alpha", 1),
      .beta = node.attributes.number("beta", 0.5f)};
  return {node.graph.op(OpType::local_response_normalization, {node.input(0)}, attributes)};
}

constexpr OpRow kRows[] = {
    {"FusedBatchNorm", import_fused_batch_norm},
    {"FusedBatchNormV2", import_fused_batch_norm},
    {"FusedBatchNormV3", import_fused_batch_norm},
    {"BatchNormWithGlobalNormalization", import_global_batch_norm},
    {"LRN", import_local_response},
};

}  // namespace

std::span<const OpRow> norm_ops() { return kRows; }

}  // namespace smelt::tensorflow
