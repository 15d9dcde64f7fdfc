#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "smelt/ir/data_type.h"
#include "smelt/ir/op_type.h"

namespace smelt {

/// same: output covers ceil(size / stride) positions, missing cells are padding, the odd one
/// behind. valid: no padding.
enum class Padding : int8_t { same = 0, valid = 1 };

/// Fused behind an op; the numbers are those of the TFLite schema.
enum class Activation : int8_t {
  none = 0,
  relu = 1,
  relu_n1_to_1 = 2,
  relu6 = 3,
  tanh = 4,
  sign_bit = 5,
};

enum class WeightsFormat : int8_t { plain = 0, shuffled4x16_int8 = 1 };

std::string_view name(Padding padding);
std::string_view name(Activation activation);
std::string_view name(WeightsFormat format);

// Attribute structs: plain comparable data. `visit` lists the fields once; dumps, differences, JSON
// and the tests of the format codecs are derived from it.

/// Ops that have no attributes.
struct NoAttributes {
  template <class Self, class Visitor>
  static void visit(Self&, Visitor&&) {}
  bool operator==(const NoAttributes&) const = default;
};

/// ADD, SUB.
struct ArithmeticAttributes {
  Activation activation = Activation::none;
  bool pot_scale_int16 = true;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("activation", self.activation);
    visitor("pot_scale_int16", self.pot_scale_int16);
  }
  bool operator==(const ArithmeticAttributes&) const = default;
};

/// MUL, DIV, L2_NORMALIZATION: nothing but a fused activation.
struct FusedAttributes {
  Activation activation = Activation::none;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("activation", self.activation);
  }
  bool operator==(const FusedAttributes&) const = default;
};

/// x [N,H,W,I], w [O,kh,kw,I/groups], b [O] -> y [N,Ho,Wo,O].
struct Conv2DAttributes {
  Padding padding = Padding::same;
  int32_t stride_h = 1;
  int32_t stride_w = 1;
  int32_t dilation_h = 1;
  int32_t dilation_w = 1;
  Activation activation = Activation::none;
  DataType quantized_bias_type = DataType::float32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("padding", self.padding);
    visitor("stride_h", self.stride_h);
    visitor("stride_w", self.stride_w);
    visitor("dilation_h", self.dilation_h);
    visitor("dilation_w", self.dilation_w);
    visitor("activation", self.activation);
    visitor("quantized_bias_type", self.quantized_bias_type);
  }
  bool operator==(const Conv2DAttributes&) const = default;
};

/// x [N,H,W,C], w [1,kh,kw,C*multiplier], b [C*multiplier] -> y [N,Ho,Wo,C*multiplier].
struct DepthwiseConv2DAttributes {
  Padding padding = Padding::same;
  int32_t stride_h = 1;
  int32_t stride_w = 1;
  int32_t dilation_h = 1;
  int32_t dilation_w = 1;
  int32_t depth_multiplier = 1;
  Activation activation = Activation::none;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("padding", self.padding);
    visitor("stride_h", self.stride_h);
    visitor("stride_w", self.stride_w);
    visitor("dilation_h", self.dilation_h);
    visitor("dilation_w", self.dilation_w);
    visitor("depth_multiplier", self.depth_multiplier);
    visitor("activation", self.activation);
  }
  bool operator==(const DepthwiseConv2DAttributes&) const = default;
};

/// Output shape [4] int32, w [O,kh,kw,I], x [N,H,W,I], b [O] -> y.
struct TransposeConv2DAttributes {
  Padding padding = Padding::same;
  int32_t stride_h = 1;
  int32_t stride_w = 1;
  Activation activation = Activation::none;
  DataType quantized_bias_type = DataType::float32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("padding", self.padding);
    visitor("stride_h", self.stride_h);
    visitor("stride_w", self.stride_w);
    visitor("activation", self.activation);
    visitor("quantized_bias_type", self.quantized_bias_type);
  }
  bool operator==(const TransposeConv2DAttributes&) const = default;
};

/// CONV_3D, CONV_3D_TRANSPOSE: x [N,D,H,W,I], w [kd,kh,kw,I,O].
struct Conv3DAttributes {
  Padding padding = Padding::same;
  int32_t stride_d = 1;
  int32_t stride_h = 1;
  int32_t stride_w = 1;
  int32_t dilation_d = 1;
  int32_t dilation_h = 1;
  int32_t dilation_w = 1;
  Activation activation = Activation::none;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("padding", self.padding);
    visitor("stride_d", self.stride_d);
    visitor("stride_h", self.stride_h);
    visitor("stride_w", self.stride_w);
    visitor("dilation_d", self.dilation_d);
    visitor("dilation_h", self.dilation_h);
    visitor("dilation_w", self.dilation_w);
    visitor("activation", self.activation);
  }
  bool operator==(const Conv3DAttributes&) const = default;
};

/// x [..., I], w [O,I], b [O] -> y [N,O], or [..., O] with keep_num_dims.
struct FullyConnectedAttributes {
  Activation activation = Activation::none;
  WeightsFormat weights_format = WeightsFormat::plain;
  bool keep_num_dims = false;
  bool asymmetric_quantize_inputs = false;
  DataType quantized_bias_type = DataType::float32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("activation", self.activation);
    visitor("weights_format", self.weights_format);
    visitor("keep_num_dims", self.keep_num_dims);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
    visitor("quantized_bias_type", self.quantized_bias_type);
  }
  bool operator==(const FullyConnectedAttributes&) const = default;
};

/// x [..., M,K], y [..., K,N] -> [..., M,N]; adj_x, adj_y: that operand is stored transposed.
struct BatchMatMulAttributes {
  bool adj_x = false;
  bool adj_y = false;
  bool asymmetric_quantize_inputs = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("adj_x", self.adj_x);
    visitor("adj_y", self.adj_y);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
  }
  bool operator==(const BatchMatMulAttributes&) const = default;
};

/// AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D: x [N,H,W,C] -> y [N,Ho,Wo,C].
struct Pool2DAttributes {
  Padding padding = Padding::same;
  int32_t stride_h = 1;
  int32_t stride_w = 1;
  int32_t filter_h = 1;
  int32_t filter_w = 1;
  Activation activation = Activation::none;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("padding", self.padding);
    visitor("stride_h", self.stride_h);
    visitor("stride_w", self.stride_w);
    visitor("filter_h", self.filter_h);
    visitor("filter_w", self.filter_w);
    visitor("activation", self.activation);
  }
  bool operator==(const Pool2DAttributes&) const = default;
};

/// exp(beta * x) / sum over the last axis.
struct SoftmaxAttributes {
  float beta = 1.0f;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("beta", self.beta);
  }
  bool operator==(const SoftmaxAttributes&) const = default;
};

struct ConcatenationAttributes {
  int32_t axis = 0;
  Activation activation = Activation::none;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("axis", self.axis);
    visitor("activation", self.activation);
  }
  bool operator==(const ConcatenationAttributes&) const = default;
};

/// new_shape is absent where the second operand gives the shape.
struct ReshapeAttributes {
  std::optional<std::vector<int32_t>> new_shape;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("new_shape", self.new_shape);
  }
  bool operator==(const ReshapeAttributes&) const = default;
};

/// No axes: all of size 1.
struct SqueezeAttributes {
  std::vector<int32_t> axes;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("axes", self.axes);
  }
  bool operator==(const SqueezeAttributes&) const = default;
};

/// RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR: x [N,H,W,C], size [2] -> y.
struct ResizeAttributes {
  bool align_corners = false;
  bool half_pixel_centers = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("align_corners", self.align_corners);
    visitor("half_pixel_centers", self.half_pixel_centers);
  }
  bool operator==(const ResizeAttributes&) const = default;
};

/// DEPTH_TO_SPACE, SPACE_TO_DEPTH.
struct BlockSizeAttributes {
  int32_t block_size = 1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("block_size", self.block_size);
  }
  bool operator==(const BlockSizeAttributes&) const = default;
};

struct GatherAttributes {
  int32_t axis = 0;
  int32_t batch_dims = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("axis", self.axis);
    visitor("batch_dims", self.batch_dims);
  }
  bool operator==(const GatherAttributes&) const = default;
};

/// MEAN, SUM, REDUCE_*: x, axes [k] int32 -> y.
struct ReduceAttributes {
  bool keep_dims = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("keep_dims", self.keep_dims);
  }
  bool operator==(const ReduceAttributes&) const = default;
};

/// x, begin [r], end [r], strides [r]; bit i of a mask speaks of axis i.
struct StridedSliceAttributes {
  int32_t begin_mask = 0;
  int32_t end_mask = 0;
  int32_t ellipsis_mask = 0;
  int32_t new_axis_mask = 0;
  int32_t shrink_axis_mask = 0;
  bool offset = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("begin_mask", self.begin_mask);
    visitor("end_mask", self.end_mask);
    visitor("ellipsis_mask", self.ellipsis_mask);
    visitor("new_axis_mask", self.new_axis_mask);
    visitor("shrink_axis_mask", self.shrink_axis_mask);
    visitor("offset", self.offset);
  }
  bool operator==(const StridedSliceAttributes&) const = default;
};

/// SPLIT, SPLIT_V.
struct SplitAttributes {
  int32_t count = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("count", self.count);
  }
  bool operator==(const SplitAttributes&) const = default;
};

struct PackAttributes {
  int32_t count = 0;
  int32_t axis = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("count", self.count);
    visitor("axis", self.axis);
  }
  bool operator==(const PackAttributes&) const = default;
};

struct UnpackAttributes {
  int32_t count = 0;
  int32_t axis = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("count", self.count);
    visitor("axis", self.axis);
  }
  bool operator==(const UnpackAttributes&) const = default;
};

/// As the file states them; the tensors' own types decide.
struct CastAttributes {
  DataType in_type = DataType::float32;
  DataType out_type = DataType::float32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("in_type", self.in_type);
    visitor("out_type", self.out_type);
  }
  bool operator==(const CastAttributes&) const = default;
};

struct ArgMinMaxAttributes {
  DataType output_type = DataType::float32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("output_type", self.output_type);
  }
  bool operator==(const ArgMinMaxAttributes&) const = default;
};

/// SHAPE.
struct ShapeOfAttributes {
  DataType out_type = DataType::float32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("out_type", self.out_type);
  }
  bool operator==(const ShapeOfAttributes&) const = default;
};

/// y = x >= 0 ? x : alpha * x.
struct LeakyReluAttributes {
  float alpha = 0.0f;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("alpha", self.alpha);
  }
  bool operator==(const LeakyReluAttributes&) const = default;
};

struct GeluAttributes {
  bool approximate = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("approximate", self.approximate);
  }
  bool operator==(const GeluAttributes&) const = default;
};

/// symmetric repeats the edge, reflect does not.
struct MirrorPadAttributes {
  bool symmetric = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("symmetric", self.symmetric);
  }
  bool operator==(const MirrorPadAttributes&) const = default;
};

struct OneHotAttributes {
  int32_t axis = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("axis", self.axis);
  }
  bool operator==(const OneHotAttributes&) const = default;
};

struct CumsumAttributes {
  bool exclusive = false;
  bool reverse = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("exclusive", self.exclusive);
    visitor("reverse", self.reverse);
  }
  bool operator==(const CumsumAttributes&) const = default;
};

struct ReverseSequenceAttributes {
  int32_t seq_axis = 0;
  int32_t batch_axis = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("seq_axis", self.seq_axis);
    visitor("batch_axis", self.batch_axis);
  }
  bool operator==(const ReverseSequenceAttributes&) const = default;
};

struct LocalResponseNormalizationAttributes {
  int32_t radius = 0;
  float bias = 0.0f;
  float alpha = 0.0f;
  float beta = 0.0f;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("radius", self.radius);
    visitor("bias", self.bias);
    visitor("alpha", self.alpha);
    visitor("beta", self.beta);
  }
  bool operator==(const LocalResponseNormalizationAttributes&) const = default;
};

struct FakeQuantAttributes {
  float min = 0.0f;
  float max = 0.0f;
  int32_t bits = 0;
  bool narrow_range = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("min", self.min);
    visitor("max", self.max);
    visitor("bits", self.bits);
    visitor("narrow_range", self.narrow_range);
  }
  bool operator==(const FakeQuantAttributes&) const = default;
};

/// The LSTM op; basic is the old kernel with 5 inputs.
struct LstmAttributes {
  Activation activation = Activation::none;
  float cell_clip = 0.0f;
  float proj_clip = 0.0f;
  bool basic = false;
  bool asymmetric_quantize_inputs = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("activation", self.activation);
    visitor("cell_clip", self.cell_clip);
    visitor("proj_clip", self.proj_clip);
    visitor("basic", self.basic);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
  }
  bool operator==(const LstmAttributes&) const = default;
};

/// UNIDIRECTIONAL_SEQUENCE_LSTM.
struct SequenceLstmAttributes {
  Activation activation = Activation::none;
  float cell_clip = 0.0f;
  float proj_clip = 0.0f;
  bool time_major = false;
  bool asymmetric_quantize_inputs = false;
  bool diagonal_recurrent_tensors = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("activation", self.activation);
    visitor("cell_clip", self.cell_clip);
    visitor("proj_clip", self.proj_clip);
    visitor("time_major", self.time_major);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
    visitor("diagonal_recurrent_tensors", self.diagonal_recurrent_tensors);
  }
  bool operator==(const SequenceLstmAttributes&) const = default;
};

struct BidirectionalLstmAttributes {
  Activation activation = Activation::none;
  float cell_clip = 0.0f;
  float proj_clip = 0.0f;
  bool merge_outputs = false;
  bool time_major = true;
  bool asymmetric_quantize_inputs = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("activation", self.activation);
    visitor("cell_clip", self.cell_clip);
    visitor("proj_clip", self.proj_clip);
    visitor("merge_outputs", self.merge_outputs);
    visitor("time_major", self.time_major);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
  }
  bool operator==(const BidirectionalLstmAttributes&) const = default;
};

struct RnnAttributes {
  Activation activation = Activation::none;
  bool asymmetric_quantize_inputs = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("activation", self.activation);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
  }
  bool operator==(const RnnAttributes&) const = default;
};

struct SequenceRnnAttributes {
  bool time_major = false;
  Activation activation = Activation::none;
  bool asymmetric_quantize_inputs = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("time_major", self.time_major);
    visitor("activation", self.activation);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
  }
  bool operator==(const SequenceRnnAttributes&) const = default;
};

struct BidirectionalRnnAttributes {
  bool time_major = false;
  Activation activation = Activation::none;
  bool merge_outputs = false;
  bool asymmetric_quantize_inputs = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("time_major", self.time_major);
    visitor("activation", self.activation);
    visitor("merge_outputs", self.merge_outputs);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
  }
  bool operator==(const BidirectionalRnnAttributes&) const = default;
};

struct SvdfAttributes {
  int32_t rank = 0;
  Activation activation = Activation::none;
  bool asymmetric_quantize_inputs = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("rank", self.rank);
    visitor("activation", self.activation);
    visitor("asymmetric_quantize_inputs", self.asymmetric_quantize_inputs);
  }
  bool operator==(const SvdfAttributes&) const = default;
};

struct SparseToDenseAttributes {
  bool validate_indices = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("validate_indices", self.validate_indices);
  }
  bool operator==(const SparseToDenseAttributes&) const = default;
};

struct UniqueAttributes {
  DataType index_type = DataType::int32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("index_type", self.index_type);
  }
  bool operator==(const UniqueAttributes&) const = default;
};

struct BucketizeAttributes {
  std::vector<float> boundaries;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("boundaries", self.boundaries);
  }
  bool operator==(const BucketizeAttributes&) const = default;
};

struct RandomSeedsAttributes {
  int64_t seed = 0;
  int64_t seed2 = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("seed", self.seed);
    visitor("seed2", self.seed2);
  }
  bool operator==(const RandomSeedsAttributes&) const = default;
};

struct HashtableAttributes {
  int32_t table_id = 0;
  DataType key_type = DataType::float32;
  DataType value_type = DataType::float32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("table_id", self.table_id);
    visitor("key_type", self.key_type);
    visitor("value_type", self.value_type);
  }
  bool operator==(const HashtableAttributes&) const = default;
};

struct VarHandleAttributes {
  std::string container;
  std::string shared_name;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("container", self.container);
    visitor("shared_name", self.shared_name);
  }
  bool operator==(const VarHandleAttributes&) const = default;
};

/// Indices into Model::graphs.
struct IfAttributes {
  int32_t then_graph = 0;
  int32_t else_graph = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("then_graph", self.then_graph);
    visitor("else_graph", self.else_graph);
  }
  bool operator==(const IfAttributes&) const = default;
};

struct WhileAttributes {
  int32_t cond_graph = 0;
  int32_t body_graph = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("cond_graph", self.cond_graph);
    visitor("body_graph", self.body_graph);
  }
  bool operator==(const WhileAttributes&) const = default;
};

struct CallOnceAttributes {
  int32_t init_graph = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("init_graph", self.init_graph);
  }
  bool operator==(const CallOnceAttributes&) const = default;
};

struct CallAttributes {
  uint32_t graph = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("graph", self.graph);
  }
  bool operator==(const CallAttributes&) const = default;
};

/// Training form: x [..., C], gamma, beta, mean, variance [C] -> gamma * (x - mean) /
/// sqrt(variance + epsilon) + beta over `axis`; absent gamma is 1, absent beta 0.
struct BatchNormalizationAttributes {
  float epsilon = 1e-3f;
  float momentum = 0.99f;
  int32_t axis = -1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("epsilon", self.epsilon);
    visitor("momentum", self.momentum);
    visitor("axis", self.axis);
  }
  bool operator==(const BatchNormalizationAttributes&) const = default;
};

/// Training form; the identity at inference.
struct DropoutAttributes {
  float rate = 0.0f;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("rate", self.rate);
  }
  bool operator==(const DropoutAttributes&) const = default;
};

/// An op outside the builtin set: its name and its options as bytes.
struct CustomAttributes {
  std::string code;
  std::vector<uint8_t> options;
  int8_t options_format = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("code", self.code);
    visitor("options", self.options);
    visitor("options_format", self.options_format);
  }
  bool operator==(const CustomAttributes&) const = default;
};

/// Attributes of a builtin op that Smelt does not interpret: a TFLite Operator table holding
/// nothing but these options, serialized.
struct OpaqueAttributes {
  std::vector<uint8_t> flatbuffer;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("flatbuffer", self.flatbuffer);
  }
  bool operator==(const OpaqueAttributes&) const = default;
};

using Attributes = std::variant<
    NoAttributes, ArithmeticAttributes, FusedAttributes, Conv2DAttributes,
    DepthwiseConv2DAttributes, TransposeConv2DAttributes, Conv3DAttributes,
    FullyConnectedAttributes, BatchMatMulAttributes, Pool2DAttributes, SoftmaxAttributes,
    ConcatenationAttributes, ReshapeAttributes, SqueezeAttributes, ResizeAttributes,
    BlockSizeAttributes, GatherAttributes, ReduceAttributes, StridedSliceAttributes,
    SplitAttributes, PackAttributes, UnpackAttributes, CastAttributes, ArgMinMaxAttributes,
    ShapeOfAttributes, LeakyReluAttributes, GeluAttributes, MirrorPadAttributes, OneHotAttributes,
    CumsumAttributes, ReverseSequenceAttributes, LocalResponseNormalizationAttributes,
    FakeQuantAttributes, LstmAttributes, SequenceLstmAttributes, BidirectionalLstmAttributes,
    RnnAttributes, SequenceRnnAttributes, BidirectionalRnnAttributes, SvdfAttributes,
    SparseToDenseAttributes, UniqueAttributes, BucketizeAttributes, RandomSeedsAttributes,
    HashtableAttributes, VarHandleAttributes, IfAttributes, WhileAttributes, CallOnceAttributes,
    CallAttributes, BatchNormalizationAttributes, DropoutAttributes, CustomAttributes,
    OpaqueAttributes>;

/// The attributes that an op of this type starts with: the schema's defaults.
Attributes default_attributes(OpType type);

/// True where the attributes are of the kind that the op type holds (or opaque ones).
bool attributes_fit(OpType type, const Attributes& attributes);

/// "padding=same stride_h=2 ...", fields in order.
std::string to_string(const Attributes& attributes);

/// Calls visitor(name, value) for every field of whatever the variant holds.
template <class Variant, class Visitor>
void visit_fields(Variant& attributes, Visitor&& visitor) {
  std::visit([&](auto& a) { std::decay_t<decltype(a)>::visit(a, visitor); }, attributes);
}

/// The fused activation of ops that have one.
std::optional<Activation> fused_activation(const Attributes& attributes);

}  // namespace smelt
