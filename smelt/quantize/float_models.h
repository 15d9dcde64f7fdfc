#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "smelt/base/random.h"
#include "smelt/data/array_dataset.h"
#include "smelt/ir/builder.h"
#include "smelt/quantize/stats.h"
#include "smelt/run/dataset_inputs.h"
#include "smelt/run/real_values.h"

namespace smelt {

// For the tests of quantization: small float models, made-up statistics and data.

inline std::vector<float> random_values(size_t count, uint64_t seed, float reach = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.uniform(-reach, reach);
  return values;
}

/// Every float input and result with the range [-1, 1], but for those named.
inline Stats made_up_stats(const Graph& graph,
                           const std::vector<std::pair<std::string, TensorStats>>& named = {}) {
  Stats stats{.samples = 1};
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant || tensor.type != DataType::float32) continue;
    stats.tensors[id] = {.count = 1, .min = -1, .max = 1};
    for (const auto& [name, wanted] : named) {
      if (name == tensor.name) stats.tensors[id] = wanted;
    }
  }
  return stats;
}

inline TensorId find_tensor(const Graph& graph, std::string_view name) {
  for (const TensorId id : graph.tensors()) {
    if (graph.tensor(id).name == name) return id;
  }
  ADD_FAILURE() << "no tensor " << name;
  return TensorId::none;
}

/// [count, ...shape] values in [-reach, reach].
inline DatasetPtr random_dataset(int32_t count, const Shape& shape, float reach = 1) {
  std::vector<int32_t> dims{count};
  dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
  const Shape all(std::move(dims));
  const auto values = random_values(static_cast<size_t>(all.elements()), 11, reach);
  ArrayDatasetParts parts{.name = "random"};
  parts.inputs.emplace_back(
      Array{.type = DataType::float32, .shape = all, .data = Buffer::of(values)});
  return make_array_dataset(std::move(parts));
}

/// CONV_2D (4 channels, bias, ReLU) of x, [1,6,6,3] -> [1,6,6,4].
inline TensorId add_conv(GraphBuilder& b, TensorId x, const std::string& name, uint64_t seed = 1) {
  const int32_t channels = b.graph().tensor(x).shape.back();
  const TensorId w = b.constant<float>(name + "/w", {4, 3, 3, channels},
                                       random_values(static_cast<size_t>(36 * channels), seed));
  const TensorId bias = b.constant<float>(name + "/b", {4}, random_values(4, seed + 1));
  return b.op(OpType::conv_2d, {x, w, bias}, Conv2DAttributes{.activation = Activation::relu}, name,
              DataType::float32, {1, 6, 6, 4});
}

/// Convolution, mean, dense, softmax.
inline Model small_classifier() {
  GraphBuilder b;
  TensorId x = b.input("image", DataType::float32, {1, 6, 6, 3});
  x = add_conv(b, x, "conv");
  const TensorId axes = b.constant<int32_t>("axes", {2}, {1, 2});
  x = b.op(OpType::mean, {x, axes}, ReduceAttributes{}, "mean", DataType::float32, {1, 4});
  const TensorId w = b.constant<float>("dense/w", {5, 4}, random_values(20, 3));
  const TensorId bias = b.constant<float>("dense/b", {5}, random_values(5, 4));
  x = b.op(OpType::fully_connected, {x, w, bias}, FullyConnectedAttributes{}, "dense",
           DataType::float32, {1, 5});
  b.output(b.op(OpType::softmax, {x}, SoftmaxAttributes{}, "softmax", DataType::float32, {1, 5}));
  return std::move(b).build_model();
}

/// Real values of the first output, sample by sample.
inline std::vector<float> real_outputs(const Model& model, const DatasetPtr& data) {
  const Tensor& output = model.main().tensor(model.main().outputs()[0]);
  const auto size = static_cast<size_t>(output.shape.elements());
  std::vector<float> all(size * static_cast<size_t>(data->size()));
  run_samples(model, data->size(), {}, SampleLoader(model.main(), *data),
              [&](int64_t sample, const SampleOutputs& outputs) {
                load_real(output, outputs.bytes(0),
                          std::span(all).subspan(static_cast<size_t>(sample) * size, size));
              });
  return all;
}

/// The message of the error that `body` throws.
template <class Body>
std::string message_of(ErrorKind kind, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(name(error.kind()), name(kind));
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace smelt
