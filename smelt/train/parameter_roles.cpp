#include "smelt/train/parameter_roles.h"

#include <string_view>

namespace smelt::train {
namespace {

/// "gamma" of "block/ln/gamma:0" and of "block/ln/gamma_1".
std::string_view weight_name(std::string_view name) {
  name = name.substr(name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/') + 1);
  const size_t end = name.find_first_of(":0123456789");
  name = name.substr(0, end);
  while (name.ends_with('_')) name.remove_suffix(1);
  return name;
}

std::optional<ParameterKind> role_by_name(std::string_view tensor) {
  const std::string_view name = weight_name(tensor);
  if (name == "gamma" || name == "scale" || name == "alpha") return ParameterKind::scale;
  if (name == "beta") return ParameterKind::offset;
  if (name == "bias") return ParameterKind::bias;
  if (name == "kernel" || name == "depthwise_kernel") return ParameterKind::kernel;
  return {};
}

/// Weights and biases of the fused LSTM op: see the TFLite kernel's list of tensors.
std::optional<ParameterKind> lstm_role(size_t index) {
  if (index >= 1 && index <= 11) return ParameterKind::kernel;
  if (index >= 12 && index <= 15) return ParameterKind::bias;
  if (index == 16) return ParameterKind::kernel;
  if (index == 17) return ParameterKind::bias;
  if (index >= 20 && index <= 23) return ParameterKind::scale;
  return {};
}

}  // namespace

std::optional<ParameterKind> parameter_role(const Graph& graph, const Op& op, size_t index) {
  const Tensor* constant = graph.constant_input(op, index);
  if (constant == nullptr || constant->type != DataType::float32) return {};
  switch (op.type) {
    case OpType::conv_2d:
    case OpType::depthwise_conv_2d:
    case OpType::fully_connected:
    case OpType::conv_3d:
      if (index == 1) return ParameterKind::kernel;
      if (index == 2) return ParameterKind::bias;
      return {};
    case OpType::transpose_conv:
      if (index == 1) return ParameterKind::kernel;
      if (index == 3) return ParameterKind::bias;
      return {};
    case OpType::batch_normalization:
      if (index == 1) return ParameterKind::scale;
      if (index == 2) return ParameterKind::offset;
      return {};
    case OpType::recurrent:
      if (index == 1 || index == 2) return ParameterKind::kernel;
      if (index == 3 || index == 4) return ParameterKind::bias;
      return {};
    case OpType::unidirectional_sequence_lstm:
      return lstm_role(index);
    case OpType::prelu:
      return ParameterKind::scale;
    case OpType::gather:
      if (index == 0 && constant->shape.rank() == 2) return ParameterKind::embedding;
      return {};
    case OpType::embedding_lookup:
      if (index == 1) return ParameterKind::embedding;
      return {};
    case OpType::batch_matmul:
      return ParameterKind::kernel;
    case OpType::add:
    case OpType::sub:
    case OpType::mul:
    case OpType::div:
      return role_by_name(constant->name);
    default:
      return {};
  }
}

bool is_statistic(const Op& op, size_t index) {
  return op.type == OpType::batch_normalization && (index == 3 || index == 4);
}

}  // namespace smelt::train
