#include "smelt/ops/precision.h"

#include "smelt/ops/op_def.h"

namespace smelt {

std::string_view int16_gap(OpType type) {
  switch (type) {
    case OpType::arg_max:
    case OpType::arg_min:
    case OpType::broadcast_to:
    case OpType::depth_to_space:
    case OpType::elu:
    case OpType::hard_swish:
    case OpType::l2_normalization:
    case OpType::log_softmax:
    case OpType::rsqrt:
    case OpType::space_to_depth:
    case OpType::squared_difference:
    case OpType::cumsum:
    case OpType::zeros_like:
      return "LiteRT has no int16 kernel for it";
    case OpType::equal:
    case OpType::not_equal:
    case OpType::greater:
    case OpType::greater_equal:
    case OpType::less:
    case OpType::less_equal:
      return "TFLite Micro compares int16 without its scales";
    default:
      return "";
  }
}

WeightOperand weight_operand(const Graph& graph, const Op& op) {
  switch (op.type) {
    case OpType::conv_3d:
    case OpType::conv_3d_transpose:
      return {1, 4};
    case OpType::embedding_lookup:
      return {1, 0};
    case OpType::rnn:
    case OpType::unidirectional_sequence_rnn:
    case OpType::bidirectional_sequence_rnn:
      return {1, -1};
    case OpType::bidirectional_sequence_lstm:
      return {2, -1};
    case OpType::batch_matmul: {
      const int rank = op.input(1) ? graph.tensor(op.input(1)).shape.rank() : 0;
      if (rank != 2) return {1, -1};  // scales of a batch of matrices would repeat
      return {1, op.as<BatchMatMulAttributes>().adj_y ? 0 : 1};
    }
    default: {
      const QuantizationRule& rule = op_def(op.type).quantization;
      return {rule.weight, rule.weight_axis};
    }
  }
}

bool has_hybrid_kernel(OpType type, int weight_bits) {
  switch (type) {
    case OpType::conv_2d:
    case OpType::fully_connected:
      return weight_bits == 8 || weight_bits == 4;
    case OpType::depthwise_conv_2d:
    case OpType::transpose_conv:
    case OpType::batch_matmul:
    case OpType::embedding_lookup:
    case OpType::svdf:
    case OpType::lstm:
    case OpType::rnn:
    case OpType::unidirectional_sequence_lstm:
    case OpType::unidirectional_sequence_rnn:
    case OpType::bidirectional_sequence_lstm:
    case OpType::bidirectional_sequence_rnn:
      return weight_bits == 8;
    default:
      return false;
  }
}

bool has_int4_kernel(OpType type) {
  return type == OpType::conv_2d || type == OpType::depthwise_conv_2d ||
         type == OpType::fully_connected;
}

}  // namespace smelt
