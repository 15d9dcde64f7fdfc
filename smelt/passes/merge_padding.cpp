// Pattern   CONV_2D or DEPTHWISE_CONV_2D with VALID padding of PAD(x)
// Result    the convolution of x with SAME padding
// Before    the PAD adds nothing to batch and channels, and SAME padding of x gives the same
// windows:
//           as many, beginning at the same cell

#include "smelt/ops/op_def.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

struct Window {
  int32_t filter, stride, dilation;
};

bool same_windows(int32_t size, int32_t output, int64_t front, const Window& window) {
  const int32_t same =
      window_output_size(Padding::same, size, window.filter, window.stride, window.dilation);
  return same == output &&
         front == window_padding(size, window.filter, window.stride, window.dilation, output);
}

template <class A>
bool merge(Graph& graph, OpId id, const A& attributes) {
  if (attributes.padding != Padding::valid) return false;
  const Op& op = graph.op(id);
  if (!op.input(0) || !op.input(1) || op.outputs.size() != 1) return false;
  const OpId pad = graph.producer(op.input(0));
  if (!pad || graph.op(pad).type != OpType::pad) return false;
  const TensorId x = graph.op(pad).input(0);
  const auto paddings = int_constant(graph, graph.op(pad), 1);
  const Shape& shape = graph.tensor(x).shape;
  const Shape& w = graph.tensor(op.input(1)).shape;
  const Shape& y = graph.tensor(op.output()).shape;
  if (!paddings || paddings->size() != 8 || graph.tensor(x).type != DataType::float32) return false;
  const auto& p = *paddings;
  if (p[0] != 0 || p[1] != 0 || p[6] != 0 || p[7] != 0) return false;
  if (shape.rank() != 4 || w.rank() != 4 || y.rank() != 4) return false;
  if (shape[1] < 1 || shape[2] < 1 || w[1] < 1 || w[2] < 1) return false;
  const Window rows{w[1], attributes.stride_h, attributes.dilation_h};
  const Window columns{w[2], attributes.stride_w, attributes.dilation_w};
  if (!same_windows(shape[1], y[1], p[2], rows)) return false;
  if (!same_windows(shape[2], y[2], p[4], columns)) return false;
  A merged = attributes;
  merged.padding = Padding::same;
  graph.set_op_kind(id, op.type, merged);
  graph.set_op_input(id, 0, x);
  return true;
}

}  // namespace

int merge_padding(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    const Attributes attributes = graph.op(id).attributes;
    if (const auto* conv = std::get_if<Conv2DAttributes>(&attributes)) {
      rewrites += merge(graph, id, *conv);
    } else if (const auto* depthwise = std::get_if<DepthwiseConv2DAttributes>(&attributes)) {
      rewrites += merge(graph, id, *depthwise);
    }
  }
  return rewrites;
}

}  // namespace smelt
