#include "smelt/formats/tflite/option_codec.h"
#include "tflite_schema.h"

// Convolution, pooling, dense layers, activations and recurrent layers.

namespace smelt::tflite {
namespace {

struct Conv2DFields {
  using Table = schema::Conv2DOptions;
  using Attributes = Conv2DAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.padding, &Table::padding, &B::add_padding);
    field(a.stride_w, &Table::stride_w, &B::add_stride_w);
    field(a.stride_h, &Table::stride_h, &B::add_stride_h);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.dilation_w, &Table::dilation_w_factor, &B::add_dilation_w_factor);
    field(a.dilation_h, &Table::dilation_h_factor, &B::add_dilation_h_factor);
    field(a.quantized_bias_type, &Table::quantized_bias_type, &B::add_quantized_bias_type);
  }
};

struct Conv3DFields {
  using Table = schema::Conv3DOptions;
  using Attributes = Conv3DAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.padding, &Table::padding, &B::add_padding);
    field(a.stride_d, &Table::stride_d, &B::add_stride_d);
    field(a.stride_w, &Table::stride_w, &B::add_stride_w);
    field(a.stride_h, &Table::stride_h, &B::add_stride_h);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.dilation_d, &Table::dilation_d_factor, &B::add_dilation_d_factor);
    field(a.dilation_w, &Table::dilation_w_factor, &B::add_dilation_w_factor);
    field(a.dilation_h, &Table::dilation_h_factor, &B::add_dilation_h_factor);
  }
};

struct DepthwiseConv2DFields {
  using Table = schema::DepthwiseConv2DOptions;
  using Attributes = DepthwiseConv2DAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.padding, &Table::padding, &B::add_padding);
    field(a.stride_w, &Table::stride_w, &B::add_stride_w);
    field(a.stride_h, &Table::stride_h, &B::add_stride_h);
    field(a.depth_multiplier, &Table::depth_multiplier, &B::add_depth_multiplier);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.dilation_w, &Table::dilation_w_factor, &B::add_dilation_w_factor);
    field(a.dilation_h, &Table::dilation_h_factor, &B::add_dilation_h_factor);
  }
};

struct TransposeConv2DFields {
  using Table = schema::TransposeConvOptions;
  using Attributes = TransposeConv2DAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.padding, &Table::padding, &B::add_padding);
    field(a.stride_w, &Table::stride_w, &B::add_stride_w);
    field(a.stride_h, &Table::stride_h, &B::add_stride_h);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.quantized_bias_type, &Table::quantized_bias_type, &B::add_quantized_bias_type);
  }
};

struct Pool2DFields {
  using Table = schema::Pool2DOptions;
  using Attributes = Pool2DAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.padding, &Table::padding, &B::add_padding);
    field(a.stride_w, &Table::stride_w, &B::add_stride_w);
    field(a.stride_h, &Table::stride_h, &B::add_stride_h);
    field(a.filter_w, &Table::filter_width, &B::add_filter_width);
    field(a.filter_h, &Table::filter_height, &B::add_filter_height);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
  }
};

struct FullyConnectedFields {
  using Table = schema::FullyConnectedOptions;
  using Attributes = FullyConnectedAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.weights_format, &Table::weights_format, &B::add_weights_format);
    field(a.keep_num_dims, &Table::keep_num_dims, &B::add_keep_num_dims);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
    field(a.quantized_bias_type, &Table::quantized_bias_type, &B::add_quantized_bias_type);
  }
};

struct BatchMatMulFields {
  using Table = schema::BatchMatMulOptions;
  using Attributes = BatchMatMulAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.adj_x, &Table::adj_x, &B::add_adj_x);
    field(a.adj_y, &Table::adj_y, &B::add_adj_y);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
  }
};

struct SoftmaxFields {
  using Table = schema::SoftmaxOptions;
  using Attributes = SoftmaxAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.beta, &Table::beta, &B::add_beta);
  }
};

struct LeakyReluFields {
  using Table = schema::LeakyReluOptions;
  using Attributes = LeakyReluAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.alpha, &Table::alpha, &B::add_alpha);
  }
};

struct GeluFields {
  using Table = schema::GeluOptions;
  using Attributes = GeluAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.approximate, &Table::approximate, &B::add_approximate);
  }
};

struct LocalResponseNormalizationFields {
  using Table = schema::LocalResponseNormalizationOptions;
  using Attributes = LocalResponseNormalizationAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.radius, &Table::radius, &B::add_radius);
    field(a.bias, &Table::bias, &B::add_bias);
    field(a.alpha, &Table::alpha, &B::add_alpha);
    field(a.beta, &Table::beta, &B::add_beta);
  }
};

struct SvdfFields {
  using Table = schema::SVDFOptions;
  using Attributes = SvdfAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.rank, &Table::rank, &B::add_rank);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
  }
};

struct RnnFields {
  using Table = schema::RNNOptions;
  using Attributes = RnnAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
  }
};

struct SequenceRnnFields {
  using Table = schema::SequenceRNNOptions;
  using Attributes = SequenceRnnAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.time_major, &Table::time_major, &B::add_time_major);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
  }
};

struct BidirectionalRnnFields {
  using Table = schema::BidirectionalSequenceRNNOptions;
  using Attributes = BidirectionalRnnAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.time_major, &Table::time_major, &B::add_time_major);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.merge_outputs, &Table::merge_outputs, &B::add_merge_outputs);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
  }
};

struct LstmFields {
  using Table = schema::LSTMOptions;
  using Attributes = LstmAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.cell_clip, &Table::cell_clip, &B::add_cell_clip);
    field(a.proj_clip, &Table::proj_clip, &B::add_proj_clip);
    field(a.basic, &Table::kernel_type, &B::add_kernel_type);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
  }
};

struct SequenceLstmFields {
  using Table = schema::UnidirectionalSequenceLSTMOptions;
  using Attributes = SequenceLstmAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.cell_clip, &Table::cell_clip, &B::add_cell_clip);
    field(a.proj_clip, &Table::proj_clip, &B::add_proj_clip);
    field(a.time_major, &Table::time_major, &B::add_time_major);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
    field(a.diagonal_recurrent_tensors, &Table::diagonal_recurrent_tensors,
          &B::add_diagonal_recurrent_tensors);
  }
};

struct BidirectionalLstmFields {
  using Table = schema::BidirectionalSequenceLSTMOptions;
  using Attributes = BidirectionalLstmAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.cell_clip, &Table::cell_clip, &B::add_cell_clip);
    field(a.proj_clip, &Table::proj_clip, &B::add_proj_clip);
    field(a.merge_outputs, &Table::merge_outputs, &B::add_merge_outputs);
    field(a.time_major, &Table::time_major, &B::add_time_major);
    field(a.asymmetric_quantize_inputs, &Table::asymmetric_quantize_inputs,
          &B::add_asymmetric_quantize_inputs);
  }
};

template <class Fields>
constexpr OptionCodec codec(OpType op) {
  return {op,
          static_cast<uint8_t>(schema::BuiltinOptionsTraits<typename Fields::Table>::enum_value),
          &read_options<Fields>, &write_options<Fields>};
}

constexpr OptionCodec kCodecs[] = {
    codec<Conv2DFields>(OpType::conv_2d),
    codec<Conv3DFields>(OpType::conv_3d),
    codec<Conv3DFields>(OpType::conv_3d_transpose),
    codec<DepthwiseConv2DFields>(OpType::depthwise_conv_2d),
    codec<TransposeConv2DFields>(OpType::transpose_conv),
    codec<Pool2DFields>(OpType::average_pool_2d),
    codec<Pool2DFields>(OpType::max_pool_2d),
    codec<Pool2DFields>(OpType::l2_pool_2d),
    codec<FullyConnectedFields>(OpType::fully_connected),
    codec<BatchMatMulFields>(OpType::batch_matmul),
    codec<SoftmaxFields>(OpType::softmax),
    codec<LeakyReluFields>(OpType::leaky_relu),
    codec<GeluFields>(OpType::gelu),
    codec<LocalResponseNormalizationFields>(OpType::local_response_normalization),
    codec<SvdfFields>(OpType::svdf),
    codec<RnnFields>(OpType::rnn),
    codec<SequenceRnnFields>(OpType::unidirectional_sequence_rnn),
    codec<BidirectionalRnnFields>(OpType::bidirectional_sequence_rnn),
    codec<LstmFields>(OpType::lstm),
    codec<SequenceLstmFields>(OpType::unidirectional_sequence_lstm),
    codec<BidirectionalLstmFields>(OpType::bidirectional_sequence_lstm),
};

}  // namespace

std::span<const OptionCodec> layer_codecs() { return kCodecs; }

}  // namespace smelt::tflite
