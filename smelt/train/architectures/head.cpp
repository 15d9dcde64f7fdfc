#include "smelt/train/architectures/head.h"

#include <algorithm>

#include "smelt/base/error.h"
#include "smelt/base/near_name.h"
#include "smelt/passes/passes.h"
#include "smelt/train/architectures/layer_writer.h"

namespace smelt::train {
namespace {

/// The last result of a layer.
TensorId result_of(const Graph& graph, const std::string& layer) {
  std::vector<std::string> known;
  TensorId result = TensorId::none;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    const std::string& tensor = graph.tensor(op.output()).name;
    if (op.origin == layer || tensor == layer) result = op.output();
    if (known.empty() || known.back() != op.origin) known.push_back(op.origin);
  }
  if (result) return result;
  const std::string near = near_name(layer, known);
  fail(ErrorKind::bad_argument, "--cut: the model has no layer {}{}", layer,
       near.empty() ? "" : "; did you mean " + near + "?");
}

int32_t stride_of(const Op& op) {
  if (op.type == OpType::conv_2d) return op.as<Conv2DAttributes>().stride_h;
  if (op.type == OpType::depthwise_conv_2d) return op.as<DepthwiseConv2DAttributes>().stride_h;
  return 1;
}

/// A convolution of stride 1 behind a PAD that made up for the stride keeps the image's size.
template <class A>
A restrided(A attributes, int32_t stride, bool pad_in_front) {
  attributes.stride_h = stride;
  attributes.stride_w = stride;
  if (pad_in_front && stride == 1) attributes.padding = Padding::same;
  return attributes;
}

void set_stride(Graph& graph, OpId id, int32_t stride) {
  const OpId before = graph.producer(graph.op(id).input(0));
  const bool padded = before && graph.op(before).type == OpType::pad;
  const Op op = graph.op(id);
  if (op.type == OpType::conv_2d) {
    graph.set_op_kind(id, op.type, restrided(op.as<Conv2DAttributes>(), stride, padded));
  } else {
    graph.set_op_kind(id, op.type, restrided(op.as<DepthwiseConv2DAttributes>(), stride, padded));
  }
  if (padded && stride == 1) graph.set_op_input(id, 0, graph.op(before).input(0));
}

/// All shapes as they follow from the input's; what had an open batch keeps it.
void refresh_shapes(Graph& graph) {
  infer_shapes(graph);
  for (const OpId id : graph.ops()) {
    for (const TensorId output : graph.op(id).outputs) {
      if (!output) continue;
      Tensor& tensor = graph.tensor(output);
      if (!tensor.shape_signature || tensor.shape.rank() == 0) continue;
      const bool open = (*tensor.shape_signature)[0] == Shape::kUnknown;
      tensor.shape_signature = tensor.shape;
      if (open) (*tensor.shape_signature)[0] = Shape::kUnknown;
    }
  }
}

}  // namespace

Model with_new_head(const Model& model, const HeadOptions& options) {
  Model result = model;
  Graph graph = std::move(result.main());
  const TensorId backbone = result_of(graph, options.cut);
  const std::vector<TensorId> inputs = graph.inputs();
  graph.set_outputs({backbone});
  remove_dead(graph);
  LayerWriter w(std::move(graph), options.seed);
  const int rank = w.shape(backbone).rank();
  TensorId x = backbone;
  if (rank == 4) x = w.global_average("head_pool", x);
  if (rank == 3) x = w.flatten("head_pool", x);
  x = w.dropout("head_dropout", x, options.dropout);
  x = w.classifier("head", x, options.classes);
  result.graphs[0] = std::move(w).finish(inputs, {x});
  result.signatures.clear();
  return result;
}

Model with_input_shape(const Model& model, const Shape& sample) {
  Model result = model;
  Graph& graph = result.main();
  if (graph.inputs().size() != 1) {
    fail(ErrorKind::bad_argument, "--input changes the size of a model's only input; it has {}",
         graph.inputs().size());
  }
  Tensor& input = graph.tensor(graph.inputs()[0]);
  std::vector<int32_t> dims{1};
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  if (input.shape.dims() == dims) return result;
  if (input.shape.rank() != static_cast<int>(dims.size()) || input.shape.back() != dims.back()) {
    fail(ErrorKind::bad_argument, "--input {}: the model takes {}", to_string(sample),
         to_string(input.shape));
  }
  input.shape = Shape(dims);
  dims[0] = Shape::kUnknown;
  input.shape_signature = Shape(dims);
  with_context([&] { return "--input " + to_string(sample); }, [&] { refresh_shapes(graph); });
  return result;
}

Model with_strides(const Model& model, const std::vector<int32_t>& strides) {
  Model result = model;
  Graph& graph = result.main();
  std::vector<OpId> strided;
  for (const OpId id : graph.ops()) {
    if (stride_of(graph.op(id)) > 1) strided.push_back(id);
  }
  const bool fit = std::all_of(strides.begin(), strides.end(),
                               [](int32_t stride) { return stride >= 1 && stride <= 4; });
  if (strides.size() != strided.size() || !fit) {
    fail(ErrorKind::bad_argument,
         "--strides: the model has {} strided convolutions; give {} "
         "numbers from 1 to 4",
         strided.size(), strided.size());
  }
  for (size_t i = 0; i < strides.size(); ++i) set_stride(graph, strided[i], strides[i]);
  remove_dead(graph);
  refresh_shapes(graph);
  return result;
}

}  // namespace smelt::train
