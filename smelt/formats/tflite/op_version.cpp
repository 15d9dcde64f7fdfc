#include "smelt/formats/tflite/op_version.h"

#include <array>
#include <optional>

#include "smelt/formats/tflite/version_operands.h"

namespace smelt::tflite {
namespace {

using enum DataType;

/// "An op whose operand `index` has this type needs this version"; of an op's rows the first that
/// matches counts.
struct TypeRule {
  OpType op;
  int8_t index;
  DataType type;
  int8_t version;
};

constexpr TypeRule kTypeRules[] = {
    {OpType::max_pool_2d, 0, int16, 3},
    {OpType::max_pool_2d, 0, int8, 2},
    {OpType::average_pool_2d, 0, int16, 3},
    {OpType::average_pool_2d, 0, int8, 2},
    {OpType::softmax, 0, float16, 4},
    {OpType::softmax, 0, int16, 3},
    {OpType::softmax, 0, int8, 2},
    {OpType::log_softmax, 0, int8, 2},
    {OpType::logistic, 0, int16, 3},
    {OpType::logistic, 0, int8, 2},
    {OpType::tanh, 0, int16, 3},
    {OpType::tanh, 0, int8, 2},
    {OpType::relu, 0, int16, 3},
    {OpType::relu, 0, int8, 2},
    {OpType::relu, 0, uint8, 2},
    {OpType::relu6, 0, int16, 3},
    {OpType::relu6, 0, int8, 2},
    {OpType::leaky_relu, 0, int16, 2},
    {OpType::gelu, 0, float16, 3},
    {OpType::gelu, 0, int8, 2},
    {OpType::gelu, 0, uint8, 2},
    {OpType::mean, 0, int16, 3},
    {OpType::mean, 0, int8, 2},
    {OpType::mirror_pad, 0, int16, 3},
    {OpType::mirror_pad, 0, int8, 2},
    {OpType::reduce_max, 0, int16, 3},
    {OpType::reduce_max, 0, int8, 2},
    {OpType::reduce_min, 0, int16, 3},
    {OpType::reduce_min, 0, int8, 2},
    {OpType::reduce_prod, 0, int16, 2},
    {OpType::reduce_prod, 0, int8, 2},
    {OpType::sum, 0, int8, 2},
    {OpType::rsqrt, 0, int16, 3},
    {OpType::rsqrt, 0, int8, 2},
    {OpType::sqrt, 0, int16, 2},
    {OpType::sqrt, 0, int8, 2},
    {OpType::exp, 0, int16, 2},
    {OpType::exp, 0, int8, 2},
    {OpType::log, 0, int16, 2},
    {OpType::log, 0, int8, 2},
    {OpType::sin, 0, float16, 2},
    {OpType::cos, 0, float16, 2},
    {OpType::sign, 0, int32, 2},
    {OpType::concatenation, 0, float8_e4m3fn, 7},
    {OpType::concatenation, 0, float8_e5m2, 7},
    {OpType::concatenation, 0, float16, 6},
    {OpType::concatenation, 0, int4, 5},
    {OpType::concatenation, 0, uint32, 4},
    {OpType::concatenation, 0, int16, 3},
    {OpType::concatenation, 0, int8, 2},
    {OpType::split, 1, float8_e4m3fn, 5},
    {OpType::split, 1, float8_e5m2, 5},
    {OpType::split, 1, int16, 4},
    {OpType::split, 1, int32, 3},
    {OpType::split, 1, int8, 2},
    {OpType::split_v, 0, float8_e4m3fn, 3},
    {OpType::split_v, 0, float8_e5m2, 3},
    {OpType::split_v, 0, int8, 2},
    {OpType::pack, 0, float8_e4m3fn, 5},
    {OpType::pack, 0, float8_e5m2, 5},
    {OpType::pack, 0, uint32, 4},
    {OpType::pack, 0, int16, 3},
    {OpType::pack, 0, int8, 2},
    {OpType::unpack, 0, float8_e4m3fn, 6},
    {OpType::unpack, 0, float8_e5m2, 6},
    {OpType::unpack, 0, float16, 5},
    {OpType::unpack, 0, bfloat16, 5},
    {OpType::unpack, 0, int16, 4},
    {OpType::unpack, 0, boolean, 3},
    {OpType::unpack, 0, int8, 2},
    {OpType::unpack, 0, uint8, 2},
    {OpType::gather_nd, 0, float8_e4m3fn, 6},
    {OpType::gather_nd, 0, float8_e5m2, 6},
    {OpType::gather_nd, 0, boolean, 5},
    {OpType::gather_nd, 1, int16, 4},
    {OpType::gather_nd, 0, int16, 3},
    {OpType::gather_nd, 0, string, 2},
    {OpType::reverse_v2, 0, float8_e4m3fn, 4},
    {OpType::reverse_v2, 0, float8_e5m2, 4},
    {OpType::reverse_v2, 0, int8, 3},
    {OpType::reverse_v2, 0, boolean, 2},
    {OpType::tile, 0, int8, 3},
    {OpType::tile, 0, string, 2},
    {OpType::squeeze, 0, string, 2},
    {OpType::space_to_depth, 0, int8, 2},
    {OpType::depth_to_space, 0, int8, 2},
    {OpType::squared_difference, 0, int8, 2},
    {OpType::greater, 0, int8, 2},
    {OpType::less_equal, 0, int8, 2},
    {OpType::less, 0, int16, 3},
    {OpType::less, 0, int8, 2},
    {OpType::greater_equal, 0, int16, 3},
    {OpType::greater_equal, 0, int8, 2},
    {OpType::equal, 0, int16, 5},
    {OpType::equal, 0, string, 3},
    {OpType::equal, 0, int8, 2},
    {OpType::not_equal, 0, int16, 4},
    {OpType::not_equal, 0, string, 3},
    {OpType::not_equal, 0, int8, 2},
    {OpType::arg_max, 0, boolean, 3},
    {OpType::arg_max, 0, int8, 2},
    {OpType::arg_min, 0, boolean, 3},
    {OpType::arg_min, 0, int8, 2},
    {OpType::topk_v2, 0, int16, 3},
    {OpType::topk_v2, 1, int16, 3},
    {OpType::topk_v2, 0, int8, 2},
    {OpType::select_v2, 0, uint32, 2},
    {OpType::sparse_to_dense, 2, int8, 3},
    {OpType::sparse_to_dense, 2, uint8, 3},
    {OpType::sparse_to_dense, 2, int64, 2},
    {OpType::fill, 1, float8_e4m3fn, 5},
    {OpType::fill, 1, float8_e5m2, 5},
    {OpType::fill, 1, float16, 4},
    {OpType::fill, 1, int8, 3},
    {OpType::fill, 1, int16, 3},
    {OpType::fill, 1, boolean, 2},
    {OpType::fill, 1, string, 2},
    {OpType::range, 0, int64, 2},
    {OpType::floor_div, 0, int16, 3},
    {OpType::floor_div, 0, int8, 3},
    {OpType::floor_div, 0, float32, 2},
    {OpType::floor_mod, 0, int16, 2},
    {OpType::floor_mod, 0, int8, 2},
    {OpType::dynamic_update_slice, 0, bfloat16, 6},
    {OpType::dynamic_update_slice, 0, int4, 5},
    {OpType::dynamic_update_slice, 0, int16, 4},
    {OpType::dynamic_update_slice, 0, float16, 3},
    {OpType::dynamic_update_slice, 2, int64, 2},
};

std::optional<int> version_by_type(const Operands& x) {
  for (const TypeRule& rule : kTypeRules) {
    if (rule.op == x.op().type && x.in_is(static_cast<size_t>(rule.index), rule.type)) {
      return rule.version;
    }
  }
  return std::nullopt;
}

bool is_float8(const Tensor* tensor) {
  return tensor && (tensor->type == float8_e4m3fn || tensor->type == float8_e5m2);
}

/// 16-bit activations and results with 8-bit weights, and a bias type that the options state.
template <class A>
bool states_bias_type(const Operands& x) {
  const A* a = x.attributes<A>();
  return a && a->quantized_bias_type != float32;
}

int conv_2d(const Operands& x) {
  if (x.are(int16, int8, int16) && states_bias_type<Conv2DAttributes>(x)) return 8;
  const bool grouped = x.rank(0) == 4 && x.rank(1) == 4 && x.in(0)->shape[3] != x.in(1)->shape[3];
  if (grouped) return 6;
  if (x.both_are(int16)) return 4;
  if (x.are(int8, int8, int8)) return 3;
  if (x.are(int8, int4, int8)) return 7;
  if (x.are(float32, int8, float32)) return x.per_axis(x.in(1)) ? 5 : 2;
  return 1;
}

int depthwise_conv_2d(const Operands& x) {
  if (x.both_are(int16)) return 5;
  if (x.are(float32, int8, float32)) return x.per_axis(x.in(1)) ? 6 : 4;
  if (x.are(int8, int8, int8)) return 3;
  if (x.are(int8, int4, int8)) return 7;
  const auto* a = x.attributes<DepthwiseConv2DAttributes>();
  return a && (a->dilation_h != 1 || a->dilation_w != 1) ? 2 : 1;
}

int transpose_conv(const Operands& x) {
  // The image is operand 2; LiteRT looks at operand 0, the shape, for 16 bits, so only at the bias.
  const auto* a = x.attributes<TransposeConv2DAttributes>();
  if (x.in_is(2, int16) && states_bias_type<TransposeConv2DAttributes>(x)) return 5;
  if (a && a->activation != Activation::none) return 4;
  if (x.in(3)) return 3;
  return x.in_is(1, int8) ? 2 : 1;
}

int fully_connected(const Operands& x) {
  const auto* a = x.attributes<FullyConnectedAttributes>();
  if (x.in_is(1, int2)) return 14;
  if (x.are(int16, int4, int16)) return 13;
  const bool hybrid = x.are(float32, int8, float32);
  if (hybrid && x.per_axis(x.in(1))) return 12;
  if (x.are(int16, int8, int16) && states_bias_type<FullyConnectedAttributes>(x)) return 11;
  if (x.in(1) && x.in(1)->sparsity) return 8;
  if (x.both_are(int16)) return 7;
  if (x.are(int8, int4, int8)) return 10;
  if (x.op().inputs.size() == 2) return 6;
  if (a && a->keep_num_dims) return 5;
  if (x.are(int8, int8, int8)) return 4;
  if (hybrid) return a && a->asymmetric_quantize_inputs ? 9 : 3;
  return a && a->weights_format == WeightsFormat::shuffled4x16_int8 ? 2 : 1;
}

int batch_matmul(const Operands& x) {
  if (x.in_is(0, int16)) return 3;
  if (x.in_is(0, int8)) return 2;
  const auto* a = x.attributes<BatchMatMulAttributes>();
  return x.are(float32, int8, float32) && a && a->asymmetric_quantize_inputs ? 4 : 1;
}

int embedding_lookup(const Operands& x) {
  if (x.in_is(1, int4) || x.per_axis(x.in(1))) return 4;
  return x.in_is(1, int2) ? 5 : 1;
}

int gather(const Operands& x) {
  if (is_float8(x.in(0))) return 8;
  if (x.in_is(0, int4)) return 7;
  if (x.in_is(1, int16)) return 6;
  const auto* a = x.attributes<GatherAttributes>();
  if (a && a->batch_dims != 0) return 5;
  if (x.in_is(0, int16)) return 4;
  if (x.in_is(0, boolean)) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int svdf(const Operands& x) {
  if (x.in_is(0, int8)) return 3;
  if (!x.are(float32, int8, float32)) return 1;
  const auto* a = x.attributes<SvdfAttributes>();
  return a && a->asymmetric_quantize_inputs ? 4 : 2;
}

/// Recurrent cells with float activations and int8 weights.
template <class A>
int hybrid_rnn(const Operands& x) {
  if (!x.in_is(1, int8) || !x.out_is(float32)) return 1;
  const A* a = x.attributes<A>();
  return a && a->asymmetric_quantize_inputs ? 3 : 2;
}

int lstm(const Operands& x) {
  const auto* a = x.attributes<LstmAttributes>();
  if (!a) return 1;
  if (a->basic) return 2;
  if (x.both_are(int16) && x.in_is(2, int8)) return 5;
  if (x.both_are(float32) && x.in_is(2, int8)) return a->asymmetric_quantize_inputs ? 4 : 3;
  return 1;
}

int sequence_lstm(const Operands& x) {
  const auto* a = x.attributes<SequenceLstmAttributes>();
  if (x.both_are(int16) && x.in_is(2, int8)) return 5;
  if (a && a->diagonal_recurrent_tensors) return 4;
  if (!x.both_are(float32) || !x.in_is(2, int8)) return 1;
  return a && a->asymmetric_quantize_inputs ? 3 : 2;
}

int add(const Operands& x) {
  if (x.in_is(0, float16)) return 6;
  if (x.in_is(0, int16) && !x.quantized(0)) return 5;
  if (x.in_is(0, int64)) return 4;
  const auto* a = x.attributes<ArithmeticAttributes>();
  if (x.both_are(int16) && a && !a->pot_scale_int16) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int sub(const Operands& x) {
  const auto* a = x.attributes<ArithmeticAttributes>();
  if (x.both_are(int16) && a && !a->pot_scale_int16) return 5;
  if (x.in_is(0, int64)) return 4;
  if (x.broadcasts() && x.greatest_rank() > 4) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int mul(const Operands& x) {
  if (x.in_is(0, float16)) return 8;
  if ((x.in_is(0, int16) && !x.quantized(0) && !x.quantized(1)) || x.in_is(0, uint32)) return 7;
  if (x.in_is(0, complex64)) return 6;
  if (x.in_is(0, int64)) return 5;
  if (x.in_is(0, int16)) return 4;
  if (x.quantized(0) && x.quantized(1) && x.out() && x.out()->quantization.quantized()) {
    const float product = x.in(0)->quantization.scale[0] * x.in(1)->quantization.scale[0];
    if (product / x.out()->quantization.scale[0] >= 1.0f) return 3;
  }
  return x.in_is(0, int8) ? 2 : 1;
}

int div(const Operands& x) { return x.broadcasts() && x.greatest_rank() > 4 ? 2 : 1; }

int minimum_maximum(const Operands& x) {
  if (x.both_are(int16)) return 4;
  if (x.broadcasts() && x.greatest_rank() > 4) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int transpose(const Operands& x) {
  if (x.in_is(0, float16)) return 9;
  if (x.rank(0) > 6 || x.in_is(0, bfloat16)) return 8;
  if (x.in_is(0, int4)) return 7;
  if (x.rank(0) > 5) return 6;
  if (x.in_is(0, int16)) return 5;
  if (x.rank(0) > 4) return 4;
  if (x.in_is(0, boolean)) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int slice(const Operands& x) {
  if (x.in_is(0, float16)) return 8;
  if (x.in_is(0, int4)) return 7;
  if (x.in_is(0, uint32)) return 6;
  if (x.rank(0) > 4) return 5;
  if (x.in_is(0, int16)) return 4;
  if (x.in_is(0, string)) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int strided_slice(const Operands& x) {
  const auto* a = x.attributes<StridedSliceAttributes>();
  if (a && a->offset) return 8;
  if (x.in_is(0, uint32)) return 7;
  if (a && (a->ellipsis_mask != 0 || a->new_axis_mask != 0)) return 6;
  if (x.in_is(0, string)) return 5;
  if (x.rank(0) > 4) return 4;
  if (x.in_is(0, boolean)) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int pad(const Operands& x) {
  if (is_float8(x.in(0))) return 6;
  if (x.in_is(0, boolean)) return 5;
  if (x.rank(0) > 4) return 4;
  if (x.in_is(0, int16)) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int space_and_batch(const Operands& x) {
  if (x.in_is(0, int16)) return 4;
  if (x.rank(0) != 4) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int resize(const Operands& x) {
  if (x.in_is(0, int16)) return 4;
  const auto* a = x.attributes<ResizeAttributes>();
  const bool nearest = x.op().type == OpType::resize_nearest_neighbor;
  if (a && (a->half_pixel_centers || (nearest && a->align_corners))) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int quantize(const Operands& x) {
  if (x.in_is(0, uint4) || x.out_is(uint4)) return 5;
  if (x.in_is(0, int4) || x.out_is(int4)) return 4;
  if (x.per_axis(x.out())) return 3;
  return x.out_is(int16) ? 2 : 1;
}

int dequantize(const Operands& x) {
  if (is_float8(x.in(0))) return 9;
  if (x.in_is(0, uint4)) return 8;
  if (x.in_is(0, int2)) return 7;
  if (x.in_is(0, int4)) return 6;
  if (x.in_is(0, int16) || x.in_is(0, float16)) return 3;
  if (x.in_is(0, int8)) return x.per_axis(x.in(0)) ? 5 : 2;
  return 1;
}

int cast(const Operands& x) {
  auto either = [&](DataType type) { return x.in_is(0, type) || x.out_is(type); };
  if (is_float8(x.in(0)) || is_float8(x.out())) return 9;
  if (either(int2) || either(uint4)) return 8;
  if (either(bfloat16)) return 7;
  if (x.in_is(0, int4) && x.out_is(float32)) return 6;
  if (either(float64) || either(float16)) return 5;
  if (either(uint16)) return 4;
  if (either(int8)) return 3;
  return either(uint32) ? 2 : 1;
}

int abs(const Operands& x) {
  if (x.in_is(0, int32)) return 5;
  if (x.in_is(0, int16)) return x.quantized(0) ? 3 : 4;
  return x.in_is(0, int8) || x.in_is(0, uint8) ? 2 : 1;
}

int select(const Operands& x) {
  if (x.in_is(0, uint32)) return 4;
  if (x.rank(0) == 5 || x.rank(1) == 5 || x.rank(2) == 5) return 3;
  return x.in_is(0, int8) ? 2 : 1;
}

int broadcast_to(const Operands& x) {
  // Version 1 had another operator code, which was given up.
  if (is_float8(x.in(0))) return 4;
  return x.in_is(0, int8) || x.in_is(0, int16) ? 3 : 2;
}

int fake_quant(const Operands& x) {
  const auto* a = x.attributes<FakeQuantAttributes>();
  return a && a->narrow_range ? 2 : 1;
}

int l2_normalization(const Operands& x) { return x.out_is(int8) ? 2 : 1; }
int where(const Operands& x) { return x.in_is(0, boolean) ? 1 : 2; }

using Rule = int (*)(const Operands&);

constexpr auto kRules = [] {
  std::array<Rule, kOpTypeCount> rules{};
  auto set = [&](OpType op, Rule rule) { rules[static_cast<size_t>(op)] = rule; };
  set(OpType::conv_2d, conv_2d);
  set(OpType::depthwise_conv_2d, depthwise_conv_2d);
  set(OpType::transpose_conv, transpose_conv);
  set(OpType::fully_connected, fully_connected);
  set(OpType::batch_matmul, batch_matmul);
  set(OpType::embedding_lookup, embedding_lookup);
  set(OpType::gather, gather);
  set(OpType::svdf, svdf);
  set(OpType::rnn, hybrid_rnn<RnnAttributes>);
  set(OpType::unidirectional_sequence_rnn, hybrid_rnn<SequenceRnnAttributes>);
  set(OpType::bidirectional_sequence_rnn, hybrid_rnn<BidirectionalRnnAttributes>);
  set(OpType::bidirectional_sequence_lstm, hybrid_rnn<BidirectionalLstmAttributes>);
  set(OpType::lstm, lstm);
  set(OpType::unidirectional_sequence_lstm, sequence_lstm);
  set(OpType::add, add);
  set(OpType::sub, sub);
  set(OpType::mul, mul);
  set(OpType::div, div);
  set(OpType::minimum, minimum_maximum);
  set(OpType::maximum, minimum_maximum);
  set(OpType::transpose, transpose);
  set(OpType::slice, slice);
  set(OpType::strided_slice, strided_slice);
  set(OpType::pad, pad);
  set(OpType::padv2, pad);
  set(OpType::space_to_batch_nd, space_and_batch);
  set(OpType::batch_to_space_nd, space_and_batch);
  set(OpType::resize_bilinear, resize);
  set(OpType::resize_nearest_neighbor, resize);
  set(OpType::quantize, quantize);
  set(OpType::dequantize, dequantize);
  set(OpType::cast, cast);
  set(OpType::abs, abs);
  set(OpType::select, select);
  set(OpType::broadcast_to, broadcast_to);
  set(OpType::fake_quant, fake_quant);
  set(OpType::l2_normalization, l2_normalization);
  set(OpType::where, where);
  return rules;
}();

}  // namespace

int32_t required_version(const Graph& graph, const Op& op) {
  const Operands operands(graph, op);
  if (const Rule rule = kRules[static_cast<size_t>(op.type)]) return rule(operands);
  return version_by_type(operands).value_or(1);
}

}  // namespace smelt::tflite
