#pragma once

#include <vector>

#include "smelt/ir/builder.h"
#include "smelt/train/test_value.h"

namespace smelt::train {

/// A graph of a convolution, a depthwise one and a dense layer, and its kernels as parameters.
struct TestKernels {
  Graph graph;
  Parameter conv, depthwise, dense, bias;

  explicit TestKernels(uint64_t seed) {
    GraphBuilder b;
    const auto random = [&](int64_t count) { return random_floats(count, seed += 7); };
    const TensorId x = b.input("x", DataType::float32, {1, 4, 4, 3});
    const TensorId w = b.constant<float>("conv/kernel", {6, 3, 3, 3}, random(162));
    const TensorId bias_id = b.constant<float>("conv/bias", {6}, random(6));
    const TensorId d = b.constant<float>("depthwise/kernel", {1, 3, 3, 6}, random(54));
    const TensorId f = b.constant<float>("dense/kernel", {5, 96}, random(480));
    const TensorId a = b.op(OpType::conv_2d, {x, w, bias_id}, Conv2DAttributes{}, "conv",
                            DataType::float32, {1, 4, 4, 6});
    const TensorId c = b.op(OpType::depthwise_conv_2d, {a, d, TensorId::none},
                            DepthwiseConv2DAttributes{}, "dw", DataType::float32, {1, 4, 4, 6});
    b.output(b.op(OpType::fully_connected, {c, f, TensorId::none}, FullyConnectedAttributes{},
                  "dense", DataType::float32, {1, 5}));
    graph = std::move(b).build();
    conv = parameter_of(w);
    depthwise = parameter_of(d);
    dense = parameter_of(f);
    bias = parameter_of(bias_id);
    bias.kind = ParameterKind::bias;
  }

  std::vector<Parameter*> all() { return {&conv, &bias, &depthwise, &dense}; }

 private:
  Parameter parameter_of(TensorId id) const {
    const Tensor& tensor = graph.tensor(id);
    const auto data = tensor.data.as<float>();
    Parameter parameter = test_parameter(tensor.name, tensor.shape, {data.begin(), data.end()});
    parameter.layer = tensor.name.substr(0, tensor.name.find('/'));
    parameter.tensor = id;
    return parameter;
  }
};

}  // namespace smelt::train
