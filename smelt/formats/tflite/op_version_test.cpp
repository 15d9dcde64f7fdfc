#include "smelt/formats/tflite/op_version.h"

#include <gtest/gtest.h>

#include "smelt/ir/builder.h"

namespace smelt::tflite {
namespace {

using enum DataType;

/// The version of an op with operands of these types (4-D, 8 channels) and a result.
struct Case {
  OpType op;
  std::vector<DataType> inputs;
  DataType output;
  int32_t version;
  Attributes attributes = {};
  bool quantized = true;
  size_t channels = 0;  ///< scales of operand 1 along axis 0
};

int32_t version_of(const Case& c) {
  GraphBuilder b;
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    Tensor tensor{.type = c.inputs[i], .shape = {8, 1, 1, 8}};
    if (c.quantized) tensor.quantization = Quantization::per_tensor(0.5f, 0);
    if (i == 1 && c.channels > 0) {
      tensor.quantization.scale.assign(c.channels, 0.5f);
      tensor.quantization.zero_point.assign(c.channels, 0);
    }
    inputs.push_back(b.tensor(std::move(tensor)));
  }
  const TensorId y = b.tensor(
      {.type = c.output, .shape = {8, 1, 1, 8}, .quantization = Quantization::per_tensor(1.0f, 0)});
  const bool given = !std::holds_alternative<NoAttributes>(c.attributes);
  const OpId id = b.op(c.op, inputs, {y}, given ? c.attributes : default_attributes(c.op));
  return required_version(b.graph(), b.graph().op(id));
}

TEST(OpVersion, IsTheLeastThatCoversTypesAndOptions) {
  const Attributes int64_bias = FullyConnectedAttributes{.quantized_bias_type = int64};
  const Attributes keep = FullyConnectedAttributes{.keep_num_dims = true};
  const std::vector<Case> cases = {
      {OpType::conv_2d, {float32, float32, float32}, float32, 1},
      {OpType::conv_2d, {int8, int8, int32}, int8, 3},
      {OpType::conv_2d, {int8, int4, int32}, int8, 7},
      {OpType::conv_2d, {int16, int8, int64}, int16, 4},
      {OpType::conv_2d,
       {int16, int8, int64},
       int16,
       8,
       Conv2DAttributes{.quantized_bias_type = int64}},
      {OpType::conv_2d, {float32, int8, float32}, float32, 2},
      {OpType::conv_2d, {float32, int8, float32}, float32, 5, {}, true, 8},
      {OpType::depthwise_conv_2d, {float32, float32, float32}, float32, 1},
      {OpType::depthwise_conv_2d,
       {float32, float32, float32},
       float32,
       2,
       DepthwiseConv2DAttributes{.dilation_h = 2}},
      {OpType::depthwise_conv_2d, {int8, int8, int32}, int8, 3},
      {OpType::depthwise_conv_2d, {int16, int8, int64}, int16, 5},
      {OpType::fully_connected, {float32, float32, float32}, float32, 1},
      {OpType::fully_connected, {float32, float32}, float32, 6},
      {OpType::fully_connected, {float32, float32, float32}, float32, 5, keep},
      {OpType::fully_connected, {int8, int8, int32}, int8, 4},
      {OpType::fully_connected, {int8, int4, int32}, int8, 10},
      {OpType::fully_connected, {int16, int8, int64}, int16, 7},
      {OpType::fully_connected, {int16, int8, int64}, int16, 11, int64_bias},
      {OpType::fully_connected, {float32, int8, float32}, float32, 3},
      {OpType::fully_connected, {float32, int8, float32}, float32, 12, {}, true, 8},
      {OpType::average_pool_2d, {int8}, int8, 2},
      {OpType::max_pool_2d, {int16}, int16, 3},
      {OpType::add, {float32, float32}, float32, 1},
      {OpType::add, {int8, int8}, int8, 2},
      {OpType::add, {int16, int16}, int16, 1},
      {OpType::add, {int16, int16}, int16, 3, ArithmeticAttributes{.pot_scale_int16 = false}},
      {OpType::add, {int16, int16}, int16, 5, {}, false},
      {OpType::sub, {int8, int8}, int8, 2},
      {OpType::mul, {int8, int8}, int8, 2},
      {OpType::mul, {int16, int16}, int16, 4},
      {OpType::softmax, {int8}, int8, 2},
      {OpType::logistic, {int16}, int16, 3},
      {OpType::pad, {int8, int32}, int8, 2},
      {OpType::mean, {int8, int32}, int8, 2},
      {OpType::concatenation, {int16, int16}, int16, 3},
      {OpType::reshape, {int8, int32}, int8, 1},
      {OpType::quantize, {float32}, int8, 1},
      {OpType::quantize, {float32}, int16, 2},
      {OpType::dequantize, {int8}, float32, 2},
      {OpType::dequantize, {float16}, float32, 3},
      {OpType::transpose, {int8, int32}, int8, 2},
      {OpType::broadcast_to, {float32, int32}, float32, 2},
      {OpType::relu, {int8}, int8, 2},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(version_of(cases[i]), cases[i].version) << "case " << i << " " << name(cases[i].op);
  }
}

TEST(OpVersion, ScaleProductOfMultiplication) {
  GraphBuilder b;
  auto tensor = [&](float scale) {
    return b.tensor(
        {.type = int8, .shape = {4}, .quantization = Quantization::per_tensor(scale, 0)});
  };
  const TensorId x = tensor(2.0f), y = tensor(1.0f), z = tensor(1.5f);
  const OpId id = b.op(OpType::mul, {x, y}, {z}, FusedAttributes{});
  EXPECT_EQ(required_version(b.graph(), b.graph().op(id)), 3);
}

}  // namespace
}  // namespace smelt::tflite
