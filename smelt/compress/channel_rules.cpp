#include <algorithm>

#include "smelt/compress/channel_map.h"
#include "smelt/ops/infer.h"

namespace smelt::compress {
namespace {

/// Whether the op computes every position of the last axis from the same position of operand 0
/// (and, at most, from constants that have no such axis).
bool keeps_positions(const Graph& graph, const Op& op) {
  switch (op.type) {
    case OpType::abs:
    case OpType::average_pool_2d:
    case OpType::batch_to_space_nd:
    case OpType::ceil:
    case OpType::cos:
    case OpType::dropout:
    case OpType::elu:
    case OpType::exp:
    case OpType::floor:
    case OpType::gelu:
    case OpType::hard_swish:
    case OpType::l2_pool_2d:
    case OpType::leaky_relu:
    case OpType::logistic:
    case OpType::max_pool_2d:
    case OpType::neg:
    case OpType::relu:
    case OpType::relu6:
    case OpType::relu_0_to_1:
    case OpType::relu_n1_to_1:
    case OpType::resize_bilinear:
    case OpType::resize_nearest_neighbor:
    case OpType::round:
    case OpType::sign:
    case OpType::sin:
    case OpType::space_to_batch_nd:
    case OpType::sqrt:
    case OpType::square:
    case OpType::tanh:
      return true;
    case OpType::mean:
    case OpType::sum:
    case OpType::reduce_max:
    case OpType::reduce_min: {
      const Tensor* axes = graph.constant_input(op, 1);
      const auto values = axes ? index_values(*axes) : std::nullopt;
      const int rank = graph.tensor(op.inputs[0]).shape.rank();
      return values && std::none_of(values->begin(), values->end(),
                                    [&](int64_t axis) { return axis == -1 || axis == rank - 1; });
    }
    case OpType::pad:
    case OpType::mirror_pad: {
      const Tensor* pads = graph.constant_input(op, 1);
      const auto values = pads ? index_values(*pads) : std::nullopt;
      return values && values->size() >= 2 && values->back() == 0 &&
             (*values)[values->size() - 2] == 0;
    }
    case OpType::transpose: {
      const Tensor* order = graph.constant_input(op, 1);
      const auto values = order ? index_values(*order) : std::nullopt;
      return values && !values->empty() &&
             values->back() == static_cast<int64_t>(values->size()) - 1;
    }
    default:
      return false;
  }
}

}  // namespace

void ChannelMap::visit(OpId id) {
  const Op& op = graph_.op(id);
  switch (op.type) {
    case OpType::conv_2d:
      return visit_convolution(id, 0, false);
    case OpType::transpose_conv:
      return visit_convolution(id, 2, true);
    case OpType::depthwise_conv_2d:
      return visit_depthwise(id);
    case OpType::fully_connected:
      return visit_dense(id);
    case OpType::recurrent:
      return visit_recurrent(id);
    case OpType::batch_normalization:
      return visit_batch_norm(id);
    case OpType::add:
    case OpType::add_n:
    case OpType::div:
    case OpType::maximum:
    case OpType::minimum:
    case OpType::mul:
    case OpType::prelu:
    case OpType::squared_difference:
    case OpType::sub:
      return visit_elementwise(id);
    case OpType::concatenation:
      return visit_concatenation(id);
    case OpType::reshape:
    case OpType::squeeze:
    case OpType::expand_dims:
      return visit_reshape(id);
    default:
      return keeps_positions(graph_, op) ? pass_on(id) : pin_op(id);
  }
}

void ChannelMap::pass_on(OpId id) {
  const Op& op = graph_.op(id);
  const auto* x = channels(op.input(0));
  const Shape& result = graph_.tensor(op.output()).shape;
  if (x == nullptr || result.rank() == 0 || result.back() != static_cast<int32_t>(x->size())) {
    return pin_op(id);
  }
  tensors_[op.output()] = *x;
}

void ChannelMap::visit_convolution(OpId id, size_t x_index, bool transposed) {
  const Op& op = graph_.op(id);
  const auto* x = channels(op.input(x_index));
  const size_t bias = x_index == 0 ? 2 : 3;
  const bool biased = op.input(bias) != TensorId::none;
  if (x == nullptr || !is_kernel(id, 1) || (biased && !is_kernel(id, bias))) return pin_op(id);
  const Shape& kernel = graph_.tensor(op.inputs[1]).shape;
  const Tensor* stated = transposed ? graph_.constant_input(op, 0) : nullptr;
  if (kernel.rank() != 4 || kernel[3] != static_cast<int32_t>(x->size()) ||
      (transposed && (stated == nullptr || stated->type != DataType::int32))) {
    return pin_op(id);  // groups
  }
  const std::vector<int> made = new_channels(op.output(), "");
  slice(id, 1, 0, made);
  slice(id, 1, 3, *x);
  if (biased) slice(id, bias, 0, made);
  if (transposed) stated_.push_back({id, 0});
  producers_.push_back({id, made});
  tensors_[op.output()] = made;
}

void ChannelMap::visit_depthwise(OpId id) {
  const Op& op = graph_.op(id);
  const auto* x = channels(op.input(0));
  const bool biased = op.input(2) != TensorId::none;
  if (x == nullptr || !is_kernel(id, 1) || (biased && !is_kernel(id, 2))) return pin_op(id);
  const Shape& kernel = graph_.tensor(op.inputs[1]).shape;
  const auto multiplier = static_cast<size_t>(op.as<DepthwiseConv2DAttributes>().depth_multiplier);
  if (kernel.rank() != 4 || multiplier == 0 ||
      static_cast<size_t>(kernel[3]) != multiplier * x->size()) {
    return pin_op(id);
  }
  std::vector<int> result;
  for (const int channel : *x) result.insert(result.end(), multiplier, channel);
  slice(id, 1, 3, result);
  if (biased) slice(id, 2, 0, result);
  tensors_[op.output()] = std::move(result);
}

void ChannelMap::visit_dense(OpId id) {
  const Op& op = graph_.op(id);
  const auto* x = channels(op.input(0));
  const bool biased = op.input(2) != TensorId::none;
  if (x == nullptr || !is_kernel(id, 1) || (biased && !is_kernel(id, 2))) return pin_op(id);
  const Shape& kernel = graph_.tensor(op.inputs[1]).shape;
  const auto columns = static_cast<size_t>(kernel.rank() == 2 ? kernel[1] : 0);
  if (columns == 0 || columns % x->size() != 0 ||
      op.as<FullyConnectedAttributes>().weights_format != WeightsFormat::plain) {
    return pin_op(id);
  }
  // Axes in front of the last are flattened with it: channels come round.
  std::vector<int> read(columns);
  for (size_t i = 0; i < columns; ++i) read[i] = (*x)[i % x->size()];
  const std::vector<int> made = new_channels(op.output(), "");
  slice(id, 1, 0, made);
  slice(id, 1, 1, read);
  if (biased) slice(id, 2, 0, made);
  producers_.push_back({id, made});
  tensors_[op.output()] = made;
}

void ChannelMap::visit_recurrent(OpId id) {
  const Op& op = graph_.op(id);
  const auto* x = channels(op.input(0));
  if (x == nullptr || !is_kernel(id, 1)) return pin_op(id);
  // The units stay: gates and states are tied to them.
  const std::vector<int> read = *x;
  slice(id, 1, 1, read);
  const std::string reason = "it is a unit of a recurrent layer";
  for (size_t i = 2; i < op.inputs.size(); ++i) {
    if (const auto* state = channels(op.inputs[i])) pin(*state, reason);
  }
  for (const TensorId output : op.outputs) {
    if (output) tensors_[output] = new_channels(output, reason);
  }
}

void ChannelMap::visit_batch_norm(OpId id) {
  const Op& op = graph_.op(id);
  const auto* x = channels(op.input(0));
  if (x == nullptr) return pin_op(id);
  const int rank = graph_.tensor(op.inputs[0]).shape.rank();
  const int axis = op.as<BatchNormalizationAttributes>().axis;
  bool known = axis == -1 || axis == rank - 1;
  for (size_t i = 1; i < op.inputs.size(); ++i) known &= !op.inputs[i] || is_kernel(id, i);
  if (!known) return pin_op(id);
  const std::vector<int> same = *x;
  for (size_t i = 1; i < op.inputs.size(); ++i) {
    if (op.inputs[i]) slice(id, i, 0, same);
  }
  tensors_[op.output()] = same;
}

void ChannelMap::visit_elementwise(OpId id) {
  const Op& op = graph_.op(id);
  const Shape& shape = graph_.tensor(op.output()).shape;
  const std::vector<int>* first = nullptr;
  for (const TensorId input : op.inputs) {
    const auto* found = channels(input);
    if (found != nullptr && static_cast<int32_t>(found->size()) == shape.back()) first = found;
  }
  if (first == nullptr || shape.rank() == 0) return pin_op(id);
  const std::vector<int> same = *first;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const Shape& operand = graph_.tensor(op.inputs[i]).shape;
    if (const auto* found = channels(op.inputs[i])) {
      if (found->size() != same.size()) {
        pin(*found, "it is stretched over other channels");
        continue;
      }
      for (size_t c = 0; c < same.size(); ++c) unite((*found)[c], same[c]);
    } else if (operand.rank() > 0 && operand.back() == shape.back() && shape.back() > 1) {
      if (!is_kernel(id, i)) return pin_op(id);
      slice(id, i, operand.rank() - 1, same);
    }
  }
  tensors_[op.output()] = same;
}

void ChannelMap::visit_concatenation(OpId id) {
  const Op& op = graph_.op(id);
  const Shape& shape = graph_.tensor(op.output()).shape;
  const int axis = op.as<ConcatenationAttributes>().axis;
  const bool last = axis == -1 || axis == shape.rank() - 1;
  std::vector<int> joined;
  for (const TensorId input : op.inputs) {
    const auto* found = channels(input);
    if (found == nullptr) return pin_op(id);
    if (last) {
      joined.insert(joined.end(), found->begin(), found->end());
    } else if (joined.empty()) {
      joined = *found;
    } else {
      if (found->size() != joined.size()) return pin_op(id);
      for (size_t c = 0; c < joined.size(); ++c) unite(joined[c], (*found)[c]);
    }
  }
  tensors_[op.output()] = std::move(joined);
}

void ChannelMap::visit_reshape(OpId id) {
  const Op& op = graph_.op(id);
  const auto* x = channels(op.input(0));
  const Shape& shape = graph_.tensor(op.output()).shape;
  const auto width = static_cast<size_t>(shape.rank() > 0 ? shape.back() : 0);
  if (x == nullptr || x->size() < 2 || width == 0 || width % x->size() != 0) return pin_op(id);
  if (op.type == OpType::reshape && op.input(1)) {
    const Tensor* stated = graph_.constant_input(op, 1);
    if (stated == nullptr || stated->type != DataType::int32) return pin_op(id);
    stated_.push_back({id, 1});
  }
  std::vector<int> result(width);
  for (size_t i = 0; i < width; ++i) result[i] = (*x)[i % x->size()];
  tensors_[op.output()] = std::move(result);
}

}  // namespace smelt::compress
