#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "smelt/ir/data_type.h"
#include "smelt/ir/fields.h"
#include "smelt/ir/op_enums.h"
#include "smelt/ir/op_type.h"
#include "smelt/ir/recurrent_attributes.h"

namespace smelt {

// Attribute structs: plain comparable data. SMELT_FIELDS lists the fields once; dumps, differences,
// JSON and the tests of the format codecs are derived from it. See fields.h.

/// Ops that have no attributes.
struct NoAttributes {
  SMELT_FIELDS()
  bool operator==(const NoAttributes&) const = default;
};

/// ADD, SUB.
struct ArithmeticAttributes {
  Activation activation = Activation::none;
  bool pot_scale_int16 = true;

  SMELT_FIELDS(activation, pot_scale_int16)
  bool operator==(const ArithmeticAttributes&) const = default;
};

/// MUL, DIV, L2_NORMALIZATION: nothing but a fused activation.
struct FusedAttributes {
  Activation activation = Activation::none;

  SMELT_FIELDS(activation)
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

  SMELT_FIELDS(padding, stride_h, stride_w, dilation_h, dilation_w, activation, quantized_bias_type)
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

  SMELT_FIELDS(padding, stride_h, stride_w, dilation_h, dilation_w, depth_multiplier, activation)
  bool operator==(const DepthwiseConv2DAttributes&) const = default;
};

/// Output shape [4] int32, w [O,kh,kw,I], x [N,H,W,I], b [O] -> y.
struct TransposeConv2DAttributes {
  Padding padding = Padding::same;
  int32_t stride_h = 1;
  int32_t stride_w = 1;
  Activation activation = Activation::none;
  DataType quantized_bias_type = DataType::float32;

  SMELT_FIELDS(padding, stride_h, stride_w, activation, quantized_bias_type)
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

  SMELT_FIELDS(padding, stride_d, stride_h, stride_w, dilation_d, dilation_h, dilation_w,
               activation)
  bool operator==(const Conv3DAttributes&) const = default;
};

/// x [..., I], w [O,I], b [O] -> y [N,O], or [..., O] with keep_num_dims.
struct FullyConnectedAttributes {
  Activation activation = Activation::none;
  WeightsFormat weights_format = WeightsFormat::plain;
  bool keep_num_dims = false;
  bool asymmetric_quantize_inputs = false;
  DataType quantized_bias_type = DataType::float32;

  SMELT_FIELDS(activation, weights_format, keep_num_dims, asymmetric_quantize_inputs,
               quantized_bias_type)
  bool operator==(const FullyConnectedAttributes&) const = default;
};

/// x [..., M,K], y [..., K,N] -> [..., M,N]; adj_x, adj_y: that operand is stored transposed.
struct BatchMatMulAttributes {
  bool adj_x = false;
  bool adj_y = false;
  bool asymmetric_quantize_inputs = false;

  SMELT_FIELDS(adj_x, adj_y, asymmetric_quantize_inputs)
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

  SMELT_FIELDS(padding, stride_h, stride_w, filter_h, filter_w, activation)
  bool operator==(const Pool2DAttributes&) const = default;
};

/// exp(beta * x) / sum over the last axis.
struct SoftmaxAttributes {
  float beta = 1.0f;

  SMELT_FIELDS(beta)
  bool operator==(const SoftmaxAttributes&) const = default;
};

struct ConcatenationAttributes {
  int32_t axis = 0;
  Activation activation = Activation::none;

  SMELT_FIELDS(axis, activation)
  bool operator==(const ConcatenationAttributes&) const = default;
};

/// new_shape is absent where the second operand gives the shape.
struct ReshapeAttributes {
  std::optional<std::vector<int32_t>> new_shape;

  SMELT_FIELDS(new_shape)
  bool operator==(const ReshapeAttributes&) const = default;
};

/// No axes: all of size 1.
struct SqueezeAttributes {
  std::vector<int32_t> axes;

  SMELT_FIELDS(axes)
  bool operator==(const SqueezeAttributes&) const = default;
};

/// RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR: x [N,H,W,C], size [2] -> y.
struct ResizeAttributes {
  bool align_corners = false;
  bool half_pixel_centers = false;

  SMELT_FIELDS(align_corners, half_pixel_centers)
  bool operator==(const ResizeAttributes&) const = default;
};

/// DEPTH_TO_SPACE, SPACE_TO_DEPTH.
struct BlockSizeAttributes {
  int32_t block_size = 1;

  SMELT_FIELDS(block_size)
  bool operator==(const BlockSizeAttributes&) const = default;
};

struct GatherAttributes {
  int32_t axis = 0;
  int32_t batch_dims = 0;

  SMELT_FIELDS(axis, batch_dims)
  bool operator==(const GatherAttributes&) const = default;
};

/// MEAN, SUM, REDUCE_*: x, axes [k] int32 -> y.
struct ReduceAttributes {
  bool keep_dims = false;

  SMELT_FIELDS(keep_dims)
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

  SMELT_FIELDS(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask, offset)
  bool operator==(const StridedSliceAttributes&) const = default;
};

/// SPLIT, SPLIT_V.
struct SplitAttributes {
  int32_t count = 0;

  SMELT_FIELDS(count)
  bool operator==(const SplitAttributes&) const = default;
};

struct PackAttributes {
  int32_t count = 0;
  int32_t axis = 0;

  SMELT_FIELDS(count, axis)
  bool operator==(const PackAttributes&) const = default;
};

struct UnpackAttributes {
  int32_t count = 0;
  int32_t axis = 0;

  SMELT_FIELDS(count, axis)
  bool operator==(const UnpackAttributes&) const = default;
};

/// As the file states them; the tensors' own types decide.
struct CastAttributes {
  DataType in_type = DataType::float32;
  DataType out_type = DataType::float32;

  SMELT_FIELDS(in_type, out_type)
  bool operator==(const CastAttributes&) const = default;
};

struct ArgMinMaxAttributes {
  DataType output_type = DataType::float32;

  SMELT_FIELDS(output_type)
  bool operator==(const ArgMinMaxAttributes&) const = default;
};

/// SHAPE.
struct ShapeOfAttributes {
  DataType out_type = DataType::float32;

  SMELT_FIELDS(out_type)
  bool operator==(const ShapeOfAttributes&) const = default;
};

/// y = x >= 0 ? x : alpha * x.
struct LeakyReluAttributes {
  float alpha = 0.0f;

  SMELT_FIELDS(alpha)
  bool operator==(const LeakyReluAttributes&) const = default;
};

struct GeluAttributes {
  bool approximate = false;

  SMELT_FIELDS(approximate)
  bool operator==(const GeluAttributes&) const = default;
};

/// symmetric repeats the edge, reflect does not.
struct MirrorPadAttributes {
  bool symmetric = false;

  SMELT_FIELDS(symmetric)
  bool operator==(const MirrorPadAttributes&) const = default;
};

struct OneHotAttributes {
  int32_t axis = 0;

  SMELT_FIELDS(axis)
  bool operator==(const OneHotAttributes&) const = default;
};

struct CumsumAttributes {
  bool exclusive = false;
  bool reverse = false;

  SMELT_FIELDS(exclusive, reverse)
  bool operator==(const CumsumAttributes&) const = default;
};

struct ReverseSequenceAttributes {
  int32_t seq_axis = 0;
  int32_t batch_axis = 0;

  SMELT_FIELDS(seq_axis, batch_axis)
  bool operator==(const ReverseSequenceAttributes&) const = default;
};

struct LocalResponseNormalizationAttributes {
  int32_t radius = 0;
  float bias = 0.0f;
  float alpha = 0.0f;
  float beta = 0.0f;

  SMELT_FIELDS(radius, bias, alpha, beta)
  bool operator==(const LocalResponseNormalizationAttributes&) const = default;
};

struct FakeQuantAttributes {
  float min = 0.0f;
  float max = 0.0f;
  int32_t bits = 0;
  bool narrow_range = false;

  SMELT_FIELDS(min, max, bits, narrow_range)
  bool operator==(const FakeQuantAttributes&) const = default;
};

struct SparseToDenseAttributes {
  bool validate_indices = false;

  SMELT_FIELDS(validate_indices)
  bool operator==(const SparseToDenseAttributes&) const = default;
};

struct UniqueAttributes {
  DataType index_type = DataType::int32;

  SMELT_FIELDS(index_type)
  bool operator==(const UniqueAttributes&) const = default;
};

struct BucketizeAttributes {
  std::vector<float> boundaries;

  SMELT_FIELDS(boundaries)
  bool operator==(const BucketizeAttributes&) const = default;
};

struct RandomSeedsAttributes {
  int64_t seed = 0;
  int64_t seed2 = 0;

  SMELT_FIELDS(seed, seed2)
  bool operator==(const RandomSeedsAttributes&) const = default;
};

struct HashtableAttributes {
  int32_t table_id = 0;
  DataType key_type = DataType::float32;
  DataType value_type = DataType::float32;

  SMELT_FIELDS(table_id, key_type, value_type)
  bool operator==(const HashtableAttributes&) const = default;
};

struct VarHandleAttributes {
  std::string container;
  std::string shared_name;

  SMELT_FIELDS(container, shared_name)
  bool operator==(const VarHandleAttributes&) const = default;
};

/// Indices into Model::graphs.
struct IfAttributes {
  int32_t then_graph = 0;
  int32_t else_graph = 0;

  SMELT_FIELDS(then_graph, else_graph)
  bool operator==(const IfAttributes&) const = default;
};

struct WhileAttributes {
  int32_t cond_graph = 0;
  int32_t body_graph = 0;

  SMELT_FIELDS(cond_graph, body_graph)
  bool operator==(const WhileAttributes&) const = default;
};

struct CallOnceAttributes {
  int32_t init_graph = 0;

  SMELT_FIELDS(init_graph)
  bool operator==(const CallOnceAttributes&) const = default;
};

struct CallAttributes {
  uint32_t graph = 0;

  SMELT_FIELDS(graph)
  bool operator==(const CallAttributes&) const = default;
};

/// An op of StableHLO by name, and the subgraph that computes the same of simpler ops.
struct StablehloCompositeAttributes {
  std::string name;
  int32_t decomposition_graph = 0;
  std::vector<uint8_t> options;  ///< of the named op
  OptionsFormat options_format = OptionsFormat::flexbuffers;
  int32_t version = 0;

  SMELT_FIELDS(name, decomposition_graph, options, options_format, version)
  bool operator==(const StablehloCompositeAttributes&) const = default;
};

/// Training form: x [..., C], gamma, beta, mean, variance [C] -> gamma * (x - mean) /
/// sqrt(variance + epsilon) + beta over `axis`; absent gamma is 1, absent beta 0.
struct BatchNormalizationAttributes {
  float epsilon = 1e-3f;
  float momentum = 0.99f;
  int32_t axis = -1;

  SMELT_FIELDS(epsilon, momentum, axis)
  bool operator==(const BatchNormalizationAttributes&) const = default;
};

/// Training form; the identity at inference.
struct DropoutAttributes {
  float rate = 0.0f;

  SMELT_FIELDS(rate)
  bool operator==(const DropoutAttributes&) const = default;
};

/// An op outside the builtin set: its name and its options as bytes.
struct CustomAttributes {
  std::string code;
  std::vector<uint8_t> options;
  int8_t options_format = 0;

  SMELT_FIELDS(code, options, options_format)
  bool operator==(const CustomAttributes&) const = default;
};

/// Attributes of a builtin op that Smelt does not interpret: a TFLite Operator table holding
/// nothing but these options, serialized.
struct OpaqueAttributes {
  std::vector<uint8_t> flatbuffer;

  SMELT_FIELDS(flatbuffer)
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
    CallAttributes, StablehloCompositeAttributes, BatchNormalizationAttributes, DropoutAttributes,
    RecurrentAttributes, CustomAttributes, OpaqueAttributes>;

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
