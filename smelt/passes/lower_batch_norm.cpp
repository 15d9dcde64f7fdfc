// Pattern   y = BATCH_NORMALIZATION(x, gamma, beta, mean, variance), all four constant or absent
// Result    y = ADD(MUL(x, scale), offset) with scale = gamma / sqrt(variance + epsilon) and
//           offset = beta - mean * scale, computed in double
// The affine folds then move both into the convolution or dense layer in front.

#include <cmath>

#include "smelt/ir/dump.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

std::vector<float> parameter(const Graph& graph, OpId id, size_t index, size_t channels,
                             float fallback, std::string_view what) {
  const Op& op = graph.op(id);
  if (!op.input(index)) return std::vector<float>(channels, fallback);
  const auto values = float_constant(graph, op, index);
  if (!values || values->size() != channels) {
    fail(ErrorKind::bad_file, "{}: {} is not a float32 constant of {} values", describe(graph, id),
         what, channels);
  }
  return {values->begin(), values->end()};
}

/// [C] for the last axis, [C,1,...] for one in front of others, as broadcasting wants it.
Shape parameter_shape(const Shape& x, int axis) {
  std::vector<int32_t> dims(static_cast<size_t>(x.rank() - axis), 1);
  dims[0] = x[axis];
  return Shape(std::move(dims));
}

TensorId add_constant(Graph& graph, const Op& op, std::string_view role, const Shape& shape,
                      const std::vector<float>& values) {
  Tensor tensor = Tensor::constant(fmt::format("{}/{}", op.origin, role), shape, values);
  tensor.origin = op.origin;
  return graph.add_tensor(std::move(tensor));
}

void lower(Graph& graph, OpId id) {
  const Op op = graph.op(id);
  const auto& attributes = op.as<BatchNormalizationAttributes>();
  const Tensor& x = graph.tensor(op.input(0));
  const int axis = normalized_axis(attributes.axis, x.shape.rank());
  const size_t channels = static_cast<size_t>(std::max(x.shape[axis], 0));
  const auto gamma = parameter(graph, id, 1, channels, 1.0f, "gamma");
  const auto beta = parameter(graph, id, 2, channels, 0.0f, "beta");
  const auto mean = parameter(graph, id, 3, channels, 0.0f, "mean");
  const auto variance = parameter(graph, id, 4, channels, 1.0f, "variance");
  std::vector<float> scale(channels), offset(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double s = gamma[c] / std::sqrt(static_cast<double>(variance[c]) + attributes.epsilon);
    scale[c] = static_cast<float>(s);
    offset[c] = static_cast<float>(beta[c] - mean[c] * s);
  }
  const Shape shape = parameter_shape(x.shape, axis);
  Tensor scaled{.name = op.origin + "/scaled", .type = x.type, .shape = x.shape};
  scaled.shape_signature = x.shape_signature;
  scaled.origin = op.origin;
  const TensorId scale_id = add_constant(graph, op, "scale", shape, scale);
  const TensorId offset_id = add_constant(graph, op, "offset", shape, offset);
  const TensorId scaled_id = graph.add_tensor(std::move(scaled));
  graph.insert_before(id, {.type = OpType::mul,
                           .inputs = {op.input(0), scale_id},
                           .outputs = {scaled_id},
                           .attributes = FusedAttributes{},
                           .origin = op.origin});
  graph.set_op_kind(id, OpType::add, ArithmeticAttributes{});
  graph.set_op_inputs(id, {scaled_id, offset_id});
}

}  // namespace

int lower_batch_norm(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    if (graph.op(id).type != OpType::batch_normalization) continue;
    lower(graph, id);
    ++rewrites;
  }
  return rewrites;
}

}  // namespace smelt
