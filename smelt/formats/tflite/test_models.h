#pragma once

#include <memory>
#include <vector>

#include "smelt/formats/tflite/tflite.h"
#include "smelt/ir/builder.h"

namespace smelt::tflite {

/// Bytes as `parse` takes them, kept by the model that comes out.
inline Model parse_bytes(std::vector<uint8_t> bytes) {
  const auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  return parse(*owner, owner);
}

inline Quantization per_channel(size_t channels, int32_t axis) {
  Quantization q{.zero_point = std::vector<int64_t>(channels, 0), .axis = axis};
  for (size_t i = 0; i < channels; ++i) q.scale.push_back(0.01f + 0.001f * static_cast<float>(i));
  return q;
}

/// Two int8 convolutions of 8 filters with different scales, and a reshape.
inline Model small_int8_model() {
  GraphBuilder b("main");
  const Quantization image = Quantization::per_tensor(0.5f, -128);
  TensorId x = b.input("image", DataType::int8, {1, 4, 4, 8}, image);
  for (const char* name : {"first", "second"}) {
    Quantization weights = per_channel(8, 0);
    weights.scale[0] = name[0] == 'f' ? 0.1f : 0.2f;
    Quantization bias = weights;
    for (float& scale : bias.scale) scale *= 0.5f;
    std::vector<int8_t> values(8 * 8);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int8_t>(i * 3 + name[0]);
    const TensorId w = b.constant(std::string(name) + "/w", {8, 1, 1, 8}, values, weights);
    const TensorId c =
        b.constant(std::string(name) + "/b", {8}, std::vector<int32_t>(8, name[0]), bias);
    x = b.op(OpType::conv_2d, {x, w, c}, Conv2DAttributes{.activation = Activation::relu}, name,
             DataType::int8, {1, 4, 4, 8}, image);
  }
  const TensorId shape = b.constant<int32_t>("shape", {2}, {1, 128});
  const TensorId flat = b.op(OpType::reshape, {x, shape}, ReshapeAttributes{}, "flat",
                             DataType::int8, {1, 128}, image);
  b.output(flat);
  return std::move(b).build_model();
}

}  // namespace smelt::tflite
