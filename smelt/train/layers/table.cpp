#include <array>

#include "smelt/kernels/kernel.h"
#include "smelt/train/layer.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/sample_axis.h"

namespace smelt::train {
namespace {

/// An op that reads a tensor twice: the first of these operands writes the gradient, if nobody did
/// before, and the others add to it.
void settle_repeated_operands(std::vector<Operand>& inputs) {
  const auto same = [](const Operand& a, const Operand& b) {
    return a && a.value == b.value && a.parameter == b.parameter;
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t j = i + 1; j < inputs.size(); ++j) {
      if (!same(inputs[i], inputs[j])) continue;
      inputs[i].accumulate = inputs[i].accumulate && inputs[j].accumulate;
      inputs[j].accumulate = true;
    }
  }
}

/// What the factories of families.h rely on, for those that move values of any type.
template <LayerFactory kMake>
std::unique_ptr<Layer> move(LayerArguments arguments) {
  settle_repeated_operands(arguments.inputs);
  require_samples_apart(arguments);
  return kMake(std::move(arguments));
}

/// For those that compute floats; integers are computed by the op's own kernel.
template <LayerFactory kMake>
std::unique_ptr<Layer> make(LayerArguments arguments) {
  const bool floats = arguments.graph.tensor(arguments.op.output()).type == DataType::float32;
  return floats ? move<kMake>(std::move(arguments)) : move<make_forward_only>(std::move(arguments));
}

struct Row {
  OpType type;
  LayerFactory factory;
};

// In the order of families.h.
constexpr Row kRows[] = {
    {OpType::relu, make<make_unary>},
    {OpType::relu6, make<make_unary>},
    {OpType::relu_n1_to_1, make<make_unary>},
    {OpType::relu_0_to_1, make<make_unary>},
    {OpType::leaky_relu, make<make_unary>},
    {OpType::elu, make<make_unary>},
    {OpType::gelu, make<make_unary>},
    {OpType::hard_swish, make<make_unary>},
    {OpType::logistic, make<make_unary>},
    {OpType::tanh, make<make_unary>},
    {OpType::abs, make<make_unary>},
    {OpType::neg, make<make_unary>},
    {OpType::exp, make<make_unary>},
    {OpType::log, make<make_unary>},
    {OpType::sqrt, make<make_unary>},
    {OpType::rsqrt, make<make_unary>},
    {OpType::square, make<make_unary>},
    {OpType::sin, make<make_unary>},
    {OpType::cos, make<make_unary>},
    {OpType::sign, make<make_unary>},
    {OpType::floor, make<make_unary>},
    {OpType::ceil, make<make_unary>},
    {OpType::round, make<make_unary>},
    {OpType::add, make<make_binary>},
    {OpType::sub, make<make_binary>},
    {OpType::mul, make<make_binary>},
    {OpType::div, make<make_binary>},
    {OpType::squared_difference, make<make_binary>},
    {OpType::maximum, make<make_binary>},
    {OpType::minimum, make<make_binary>},
    {OpType::pow, make<make_binary>},
    {OpType::atan2, make<make_binary>},
    {OpType::prelu, make<make_binary>},
    {OpType::add_n, make<make_sum_of_all>},
    {OpType::select, make<make_select>},
    {OpType::select_v2, make<make_select>},
    {OpType::softmax, make<make_row_wise>},
    {OpType::log_softmax, make<make_row_wise>},
    {OpType::l2_normalization, make<make_row_wise>},
    {OpType::local_response_normalization, make<make_row_wise>},
    {OpType::mean, make<make_reduction>},
    {OpType::sum, make<make_reduction>},
    {OpType::reduce_max, make<make_reduction>},
    {OpType::reduce_min, make<make_reduction>},
    {OpType::reduce_prod, make<make_reduction>},
    {OpType::max_pool_2d, make<make_pool>},
    {OpType::average_pool_2d, make<make_pool>},
    {OpType::l2_pool_2d, make<make_pool>},
    {OpType::concatenation, move<make_index_map>},
    {OpType::pack, move<make_index_map>},
    {OpType::unpack, move<make_index_map>},
    {OpType::split, move<make_index_map>},
    {OpType::split_v, move<make_index_map>},
    {OpType::transpose, move<make_index_map>},
    {OpType::pad, move<make_index_map>},
    {OpType::padv2, move<make_index_map>},
    {OpType::mirror_pad, move<make_index_map>},
    {OpType::slice, move<make_index_map>},
    {OpType::strided_slice, move<make_index_map>},
    {OpType::dynamic_update_slice, move<make_index_map>},
    {OpType::tile, move<make_index_map>},
    {OpType::broadcast_to, move<make_index_map>},
    {OpType::space_to_depth, move<make_index_map>},
    {OpType::depth_to_space, move<make_index_map>},
    {OpType::space_to_batch_nd, move<make_index_map>},
    {OpType::batch_to_space_nd, move<make_index_map>},
    {OpType::reverse_v2, move<make_index_map>},
    {OpType::reverse_sequence, move<make_index_map>},
    {OpType::matrix_diag, move<make_index_map>},
    {OpType::matrix_set_diag, move<make_index_map>},
    {OpType::dilate, move<make_index_map>},
    {OpType::resize_nearest_neighbor, move<make_index_map>},
    {OpType::reshape, move<make_identity>},
    {OpType::squeeze, move<make_identity>},
    {OpType::expand_dims, move<make_identity>},
    {OpType::dequantize, move<make_cast>},
    {OpType::cast, move<make_cast>},
    {OpType::dropout, make<make_dropout>},
    {OpType::resize_bilinear, make<make_resize_bilinear>},
    {OpType::cumsum, make<make_cumsum>},
    {OpType::gather, move<make_gather>},
    {OpType::embedding_lookup, make<make_embedding_lookup>},
    {OpType::batch_matmul, make<make_matmul>},
    {OpType::transpose_conv, make<make_transpose_conv>},
    {OpType::batch_normalization, make<make_batch_norm>},
    {OpType::recurrent, make<make_recurrent>},
    {OpType::unidirectional_sequence_rnn, make<make_sequence_rnn>},
    {OpType::unidirectional_sequence_lstm, make<make_sequence_lstm>},
};

constexpr std::array<LayerFactory, kOpTypeCount> make_table() {
  std::array<LayerFactory, kOpTypeCount> table{};
  for (const Row& row : kRows) table[static_cast<size_t>(row.type)] = row.factory;
  return table;
}

constexpr auto kTable = make_table();

}  // namespace

LayerFactory layer_factory(OpType type) {
  const LayerFactory factory = kTable[static_cast<size_t>(type)];
  if (factory != nullptr || find_kernel(type) == nullptr) return factory;
  return move<make_forward_only>;
}

}  // namespace smelt::train
