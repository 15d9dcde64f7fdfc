// Pattern   CONV_2D, DEPTHWISE_CONV_2D without a bias
// Result    the same with a bias of zeros, as TFLite's converter writes it: LiteRT's kernels and
//           XNNPACK want one
// Before    the weights are constant

#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {

int add_biases(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    const bool depthwise = op.type == OpType::depthwise_conv_2d;
    if ((!depthwise && op.type != OpType::conv_2d) || op.input(2)) continue;
    const Tensor* weights = graph.constant_input(op, 1);
    if (weights == nullptr || weights->type != DataType::float32 || weights->shape.rank() != 4) {
      continue;
    }
    const int32_t channels = weights->shape[depthwise ? 3 : 0];
    set_float_operand(graph, id, 2, {channels}, std::vector<float>(static_cast<size_t>(channels)),
                      "b");
    ++rewrites;
  }
  return rewrites;
}

}  // namespace smelt
