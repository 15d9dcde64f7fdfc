#include <array>

#include "smelt/kernels/activation.h"
#include "smelt/kernels/batch_matmul.h"
#include "smelt/kernels/batch_norm.h"
#include "smelt/kernels/binary.h"
#include "smelt/kernels/cast.h"
#include "smelt/kernels/compare.h"
#include "smelt/kernels/complex_numbers.h"
#include "smelt/kernels/concat.h"
#include "smelt/kernels/conv.h"
#include "smelt/kernels/conv_3d.h"
#include "smelt/kernels/custom.h"
#include "smelt/kernels/dense.h"
#include "smelt/kernels/depthwise.h"
#include "smelt/kernels/discrete.h"
#include "smelt/kernels/fill.h"
#include "smelt/kernels/gather.h"
#include "smelt/kernels/kernel.h"
#include "smelt/kernels/lstm.h"
#include "smelt/kernels/matrix.h"
#include "smelt/kernels/non_max_suppression.h"
#include "smelt/kernels/normalization.h"
#include "smelt/kernels/pad.h"
#include "smelt/kernels/pool.h"
#include "smelt/kernels/recurrent_layer.h"
#include "smelt/kernels/reduce.h"
#include "smelt/kernels/reshape.h"
#include "smelt/kernels/resize.h"
#include "smelt/kernels/rnn.h"
#include "smelt/kernels/scatter.h"
#include "smelt/kernels/search.h"
#include "smelt/kernels/slice.h"
#include "smelt/kernels/softmax.h"
#include "smelt/kernels/stablehlo.h"
#include "smelt/kernels/svdf.h"
#include "smelt/kernels/transpose.h"
#include "smelt/kernels/transpose_conv.h"
#include "smelt/kernels/unary.h"

namespace smelt {
namespace {

struct Row {
  OpType type;
  PrepareKernel prepare;
};

// One row per op, in the order of the family headers above.
constexpr Row kRows[] = {
    {OpType::conv_2d, prepare_conv_2d},
    {OpType::depthwise_conv_2d, prepare_depthwise_conv_2d},
    {OpType::transpose_conv, prepare_transpose_conv},
    {OpType::fully_connected, prepare_fully_connected},
    {OpType::batch_matmul, prepare_batch_matmul},
    {OpType::average_pool_2d, prepare_average_pool_2d},
    {OpType::max_pool_2d, prepare_max_pool_2d},
    {OpType::l2_pool_2d, prepare_l2_pool_2d},
    {OpType::batch_normalization, prepare_batch_normalization},
    {OpType::recurrent, prepare_recurrent},
    {OpType::relu, prepare_relu},
    {OpType::relu6, prepare_relu6},
    {OpType::relu_n1_to_1, prepare_relu_n1_to_1},
    {OpType::relu_0_to_1, prepare_relu_0_to_1},
    {OpType::logistic, prepare_logistic},
    {OpType::tanh, prepare_tanh},
    {OpType::leaky_relu, prepare_leaky_relu},
    {OpType::prelu, prepare_prelu},
    {OpType::elu, prepare_elu},
    {OpType::hard_swish, prepare_hard_swish},
    {OpType::gelu, prepare_gelu},
    {OpType::softmax, prepare_softmax},
    {OpType::log_softmax, prepare_log_softmax},
    {OpType::add, prepare_add},
    {OpType::sub, prepare_sub},
    {OpType::mul, prepare_mul},
    {OpType::div, prepare_div},
    {OpType::maximum, prepare_maximum},
    {OpType::minimum, prepare_minimum},
    {OpType::squared_difference, prepare_squared_difference},
    {OpType::floor_div, prepare_floor_div},
    {OpType::floor_mod, prepare_floor_mod},
    {OpType::pow, prepare_pow},
    {OpType::atan2, prepare_atan2},
    {OpType::add_n, prepare_add_n},
    {OpType::reshape, prepare_reshape},
    {OpType::squeeze, prepare_reshape},
    {OpType::expand_dims, prepare_reshape},
    {OpType::dropout, prepare_reshape},
    {OpType::bitcast, prepare_bitcast},
    {OpType::shape, prepare_shape},
    {OpType::rank, prepare_rank},
    {OpType::concatenation, prepare_concatenation},
    {OpType::pack, prepare_pack},
    {OpType::unpack, prepare_unpack},
    {OpType::split, prepare_split},
    {OpType::split_v, prepare_split_v},
    {OpType::transpose, prepare_transpose},
    {OpType::space_to_depth, prepare_space_to_depth},
    {OpType::depth_to_space, prepare_depth_to_space},
    {OpType::tile, prepare_tile},
    {OpType::broadcast_to, prepare_broadcast_to},
    {OpType::reverse_v2, prepare_reverse_v2},
    {OpType::pad, prepare_pad},
    {OpType::padv2, prepare_padv2},
    {OpType::mirror_pad, prepare_mirror_pad},
    {OpType::space_to_batch_nd, prepare_space_to_batch_nd},
    {OpType::batch_to_space_nd, prepare_batch_to_space_nd},
    {OpType::slice, prepare_slice},
    {OpType::strided_slice, prepare_strided_slice},
    {OpType::dynamic_update_slice, prepare_dynamic_update_slice},
    {OpType::gather, prepare_gather},
    {OpType::gather_nd, prepare_gather_nd},
    {OpType::embedding_lookup, prepare_embedding_lookup},
    {OpType::one_hot, prepare_one_hot},
    {OpType::fill, prepare_fill},
    {OpType::zeros_like, prepare_zeros_like},
    {OpType::range, prepare_range},
    {OpType::broadcast_args, prepare_broadcast_args},
    {OpType::resize_bilinear, prepare_resize_bilinear},
    {OpType::resize_nearest_neighbor, prepare_resize_nearest_neighbor},
    {OpType::cast, prepare_cast},
    {OpType::quantize, prepare_quantize},
    {OpType::dequantize, prepare_dequantize},
    {OpType::abs, prepare_abs},
    {OpType::neg, prepare_neg},
    {OpType::exp, prepare_exp},
    {OpType::log, prepare_log},
    {OpType::sqrt, prepare_sqrt},
    {OpType::rsqrt, prepare_rsqrt},
    {OpType::square, prepare_square},
    {OpType::sin, prepare_sin},
    {OpType::cos, prepare_cos},
    {OpType::floor, prepare_floor},
    {OpType::ceil, prepare_ceil},
    {OpType::round, prepare_round},
    {OpType::sign, prepare_sign},
    {OpType::equal, prepare_equal},
    {OpType::not_equal, prepare_not_equal},
    {OpType::greater, prepare_greater},
    {OpType::greater_equal, prepare_greater_equal},
    {OpType::less, prepare_less},
    {OpType::less_equal, prepare_less_equal},
    {OpType::logical_and, prepare_logical_and},
    {OpType::logical_or, prepare_logical_or},
    {OpType::logical_not, prepare_logical_not},
    {OpType::select, prepare_select},
    {OpType::select_v2, prepare_select_v2},
    {OpType::mean, prepare_mean},
    {OpType::sum, prepare_sum},
    {OpType::reduce_max, prepare_reduce_max},
    {OpType::reduce_min, prepare_reduce_min},
    {OpType::reduce_prod, prepare_reduce_prod},
    {OpType::reduce_any, prepare_reduce_any},
    {OpType::reduce_all, prepare_reduce_all},
    {OpType::arg_max, prepare_arg_max},
    {OpType::arg_min, prepare_arg_min},
    {OpType::cumsum, prepare_cumsum},
    {OpType::l2_normalization, prepare_l2_normalization},
    {OpType::local_response_normalization, prepare_local_response_normalization},
    {OpType::lstm, prepare_lstm},
    {OpType::unidirectional_sequence_lstm, prepare_unidirectional_sequence_lstm},
    {OpType::bidirectional_sequence_lstm, prepare_bidirectional_sequence_lstm},
    {OpType::rnn, prepare_rnn},
    {OpType::unidirectional_sequence_rnn, prepare_unidirectional_sequence_rnn},
    {OpType::bidirectional_sequence_rnn, prepare_bidirectional_sequence_rnn},
    {OpType::svdf, prepare_svdf},
    {OpType::conv_3d, prepare_conv_3d},
    {OpType::conv_3d_transpose, prepare_conv_3d_transpose},
    {OpType::rfft2d, prepare_rfft_2d},
    {OpType::real, prepare_real},
    {OpType::imag, prepare_imag},
    {OpType::complex_abs, prepare_complex_abs},
    {OpType::bitwise_xor, prepare_bitwise_xor},
    {OpType::right_shift, prepare_right_shift},
    {OpType::bucketize, prepare_bucketize},
    {OpType::fake_quant, prepare_fake_quant},
    {OpType::matrix_diag, prepare_matrix_diag},
    {OpType::matrix_set_diag, prepare_matrix_set_diag},
    {OpType::reverse_sequence, prepare_reverse_sequence},
    {OpType::dilate, prepare_dilate},
    {OpType::non_max_suppression_v4, prepare_non_max_suppression},
    {OpType::non_max_suppression_v5, prepare_non_max_suppression},
    {OpType::scatter_nd, prepare_scatter_nd},
    {OpType::sparse_to_dense, prepare_sparse_to_dense},
    {OpType::segment_sum, prepare_segment_sum},
    {OpType::unsorted_segment_prod, prepare_unsorted_segment_prod},
    {OpType::unsorted_segment_sum, prepare_unsorted_segment_sum},
    {OpType::unsorted_segment_max, prepare_unsorted_segment_max},
    {OpType::unsorted_segment_min, prepare_unsorted_segment_min},
    {OpType::topk_v2, prepare_top_k},
    {OpType::where, prepare_where},
    {OpType::unique, prepare_unique},
    {OpType::stablehlo_add, prepare_stablehlo_add},
    {OpType::stablehlo_multiply, prepare_stablehlo_multiply},
    {OpType::stablehlo_maximum, prepare_stablehlo_maximum},
    {OpType::stablehlo_minimum, prepare_stablehlo_minimum},
    {OpType::stablehlo_and, prepare_stablehlo_and},
    {OpType::stablehlo_shift_left, prepare_stablehlo_shift_left},
    {OpType::custom, prepare_custom},
};

constexpr std::array<PrepareKernel, kOpTypeCount> make_table() {
  std::array<PrepareKernel, kOpTypeCount> table{};
  for (const Row& row : kRows) table[static_cast<size_t>(row.type)] = row.prepare;
  return table;
}

constexpr auto kTable = make_table();

}  // namespace

PrepareKernel find_kernel(OpType type) { return kTable[static_cast<size_t>(type)]; }

}  // namespace smelt
