// Speed of single kernels on layers of real models, float32 and int8: billions of operations per
// second (a multiply-add counts as two), on one thread.
//   smelt_kernels_bench --benchmark_filter=int8
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "smelt/base/random.h"
#include "smelt/kernels/kernel.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

/// Shapes as in the op's definition; dense layers have x [N,I] and w [O,I].
struct Layer {
  const char* name;
  OpType type;
  Shape x, w;
  int32_t stride = 1;
};

const Layer kLayers[] = {
    {"resnet8/first_3x3", OpType::conv_2d, {1, 32, 32, 3}, {16, 3, 3, 3}},
    {"resnet8/stack1_3x3", OpType::conv_2d, {1, 32, 32, 16}, {16, 3, 3, 16}},
    {"resnet8/stack2_3x3_s2", OpType::conv_2d, {1, 32, 32, 16}, {32, 3, 3, 16}, 2},
    {"resnet8/stack2_3x3", OpType::conv_2d, {1, 16, 16, 32}, {32, 3, 3, 32}},
    {"resnet8/stack3_3x3", OpType::conv_2d, {1, 8, 8, 64}, {64, 3, 3, 64}},
    {"resnet8/stack3_1x1_s2", OpType::conv_2d, {1, 16, 16, 32}, {64, 1, 1, 32}, 2},
    {"resnet8/dense", OpType::fully_connected, {1, 64}, {10, 64}},
    {"mobilenet_v2_32/expand", OpType::conv_2d, {1, 16, 16, 24}, {144, 1, 1, 24}},
    {"mobilenet_v2_32/project", OpType::conv_2d, {1, 4, 4, 384}, {64, 1, 1, 384}},
    {"mobilenet_v2_32/last", OpType::conv_2d, {1, 1, 1, 320}, {1280, 1, 1, 320}},
    {"mobilenet_v2_32/depthwise", OpType::depthwise_conv_2d, {1, 16, 16, 96}, {1, 3, 3, 96}},
    {"mobilenet_v2_224/first", OpType::conv_2d, {1, 224, 224, 3}, {32, 3, 3, 3}, 2},
    {"mobilenet_v2_224/expand", OpType::conv_2d, {1, 56, 56, 24}, {144, 1, 1, 24}},
    {"mobilenet_v2_224/project", OpType::conv_2d, {1, 14, 14, 576}, {96, 1, 1, 576}},
    {"mobilenet_v2_224/last", OpType::conv_2d, {1, 7, 7, 320}, {1280, 1, 1, 320}},
    {"mobilenet_v2_224/depthwise", OpType::depthwise_conv_2d, {1, 112, 112, 32}, {1, 3, 3, 32}},
    {"mobilenet_v2_224/depthwise_s2",
     OpType::depthwise_conv_2d,
     {1, 56, 56, 144},
     {1, 3, 3, 144},
     2},
    {"mobilenet_v2_224/depthwise_7", OpType::depthwise_conv_2d, {1, 7, 7, 960}, {1, 3, 3, 960}},
    {"mobilenet_v2_224/dense", OpType::fully_connected, {1, 1280}, {1000, 1280}},
    {"mobilenet_v1_96/depthwise_8", OpType::depthwise_conv_2d, {1, 48, 48, 8}, {1, 3, 3, 8}},
    {"ds_cnn/first_10x4", OpType::conv_2d, {1, 49, 10, 1}, {64, 10, 4, 1}, 2},
    {"ds_cnn/depthwise", OpType::depthwise_conv_2d, {1, 25, 5, 64}, {1, 3, 3, 64}},
    {"ds_cnn/pointwise", OpType::conv_2d, {1, 25, 5, 64}, {64, 1, 1, 64}},
    {"autoencoder/first", OpType::fully_connected, {1, 640}, {128, 640}},
    {"autoencoder/middle", OpType::fully_connected, {1, 128}, {128, 128}},
    {"autoencoder/batch_16", OpType::fully_connected, {16, 640}, {128, 640}},
};

/// A layer with random values, prepared.
class Prepared {
 public:
  Prepared(const Layer& layer, DataType type) : type_(type) {
    const bool dense = layer.type == OpType::fully_connected;
    const int32_t channels = layer.type == OpType::depthwise_conv_2d ? layer.w[3] : layer.w[0];
    Shape y{layer.x[0], channels};
    if (!dense) {
      const auto out = [&](int axis) {
        return window_output_size(Padding::same, layer.x[axis], layer.w[axis], layer.stride, 1);
      };
      y = {layer.x[0], out(1), out(2), channels};
    }
    op_.type = layer.type;
    op_.attributes = default_attributes(layer.type);
    std::visit(
        [&](auto& a) {
          if constexpr (requires { a.stride_h; }) a.stride_h = a.stride_w = layer.stride;
          if constexpr (requires { a.depth_multiplier; }) a.depth_multiplier = 1;
        },
        op_.attributes);
    x_ = values(layer.x.elements());
    w_ = values(layer.w.elements());
    bias_.resize(static_cast<size_t>(channels) * 4);
    y_.resize(static_cast<size_t>(y.elements()) * 4);
    const int64_t per_output = layer.type == OpType::depthwise_conv_2d
                                   ? layer.w.elements() / channels
                                   : layer.w.elements() / layer.w[0];
    operations_ = 2.0 * static_cast<double>(y.elements() * per_output);
    const DataType bias_type = type == DataType::float32 ? type : DataType::int32;
    PrepareArgs args{.op = op_};
    args.inputs = {operand(0, type, layer.x, &fine_, nullptr),
                   operand(1, type, layer.w, &fine_, w_.data()),
                   operand(2, bias_type, {channels}, &none_, bias_.data())};
    args.outputs = {operand(3, type, y, &coarse_, nullptr)};
    kernel_ = prepare_kernel(args);
    scratch_.resize(static_cast<size_t>(kernel_.scratch_bytes) + 64);
  }

  double operations() const { return operations_; }

  void run() {
    const void* inputs[] = {x_.data(), w_.data(), bias_.data()};
    void* outputs[] = {y_.data()};
    void* scratch = scratch_.data();
    size_t space = scratch_.size();
    std::align(64, static_cast<size_t>(kernel_.scratch_bytes), scratch, space);
    kernel_.invoke({inputs, outputs, static_cast<std::byte*>(scratch)});
  }

 private:
  std::vector<uint8_t> values(int64_t count) {
    Random random(1);
    std::vector<uint8_t> bytes;
    for (int64_t i = 0; i < count; ++i) {
      const float value = random.uniform(-1, 1);
      if (type_ == DataType::float32) {
        const auto* from = reinterpret_cast<const uint8_t*>(&value);
        bytes.insert(bytes.end(), from, from + 4);
      } else {
        bytes.push_back(static_cast<uint8_t>(static_cast<int8_t>(value * 127)));
      }
    }
    return bytes;
  }

  static Operand operand(int32_t id, DataType type, Shape shape, const Quantization* quantization,
                         const void* constant) {
    return {.id = TensorId{id},
            .name = "tensor",
            .type = type,
            .shape = std::move(shape),
            .quantization = quantization,
            .constant = constant};
  }

  DataType type_;
  Op op_;
  Quantization fine_ = Quantization::per_tensor(0.01f, 0);
  Quantization coarse_ = Quantization::per_tensor(0.1f, 0);
  Quantization none_;
  std::vector<uint8_t> x_, w_, bias_, y_;
  std::vector<std::byte> scratch_;
  Kernel kernel_;
  double operations_ = 0;
};

void run_layer(benchmark::State& state, const Layer& layer, DataType type) {
  Prepared prepared(layer, type);
  for (auto _ : state) prepared.run();
  state.counters["Gop/s"] = benchmark::Counter(prepared.operations() * 1e-9,
                                               benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace
}  // namespace smelt

int main(int argc, char** argv) {
  for (const smelt::Layer& layer : smelt::kLayers) {
    for (const smelt::DataType type : {smelt::DataType::float32, smelt::DataType::int8}) {
      benchmark::RegisterBenchmark(
          (std::string(layer.name) + "/" + std::string(name(type))).c_str(), smelt::run_layer,
          layer, type);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
