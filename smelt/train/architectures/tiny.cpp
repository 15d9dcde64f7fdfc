#include <map>

#include "smelt/train/architectures/families.h"

namespace smelt::train {
namespace {

/// Layer names as Keras counts them: "conv2d", "conv2d_1", ...
class Names {
 public:
  std::string next(const std::string& stem) {
    const int count = counts_[stem]++;
    return count == 0 ? stem : fmt::format("{}_{}", stem, count);
  }

 private:
  std::map<std::string, int> counts_;
};

struct Writer {
  LayerWriter layers;
  Names names;

  TensorId conv(TensorId x, int32_t filters, int32_t size, int32_t stride) {
    return layers.conv(names.next("conv2d"), x,
                       {.filters = filters,
                        .height = size,
                        .width = size,
                        .stride = stride,
                        .bias = true,
                        .initializer = Initializer::he_normal});
  }
  TensorId norm(TensorId x) { return layers.batch_norm(names.next("batch_normalization"), x); }
  TensorId relu(TensorId x) { return layers.activation(names.next("activation"), OpType::relu, x); }
};

/// The mean over the whole image as these networks take it: one window, then flat.
TensorId pooled(LayerWriter& layers, TensorId x) {
  const Shape in = layers.shape(x);
  return layers.flatten("flatten", layers.average_pool("average_pooling2d", x, in[1], in[2]));
}

}  // namespace

Graph resnet8(const ArchitectureOptions& options) {
  require_image(options, "resnet8");
  const std::vector<int32_t> strides = strides_or(options, {1, 2, 2});
  Writer w{LayerWriter(options.seed), {}};
  const TensorId input = w.layers.input("input_1", options.input);
  TensorId x = w.relu(w.norm(w.conv(input, 16, 3, strides[0])));
  for (int stage = 0; stage < 3; ++stage) {
    const int32_t filters = 16 << stage;
    const int32_t stride = stage == 0 ? 1 : strides[static_cast<size_t>(stage)];
    TensorId y = w.relu(w.norm(w.conv(x, filters, 3, stride)));
    y = w.norm(w.conv(y, filters, 3, 1));
    if (stage > 0) x = w.conv(x, filters, 1, stride);
    x = w.relu(w.layers.add(w.names.next("add"), x, y));
  }
  x = pooled(w.layers, x);
  if (options.dropout) x = w.layers.dropout("dropout", x, *options.dropout);
  x = w.layers.classifier("dense", x, options.classes, Initializer::he_normal);
  return std::move(w.layers).finish({input}, {x});
}

Graph ds_cnn(const ArchitectureOptions& options) {
  require_image(options, "ds_cnn");
  constexpr int32_t kFilters = 64;
  constexpr int kBlocks = 4;
  const std::vector<int32_t> strides = strides_or(options, {2});
  Writer w{LayerWriter(options.seed), {}};
  const TensorId input = w.layers.input("input_1", options.input);
  TensorId x = w.layers.conv(
      w.names.next("conv2d"), input,
      {.filters = kFilters, .height = 10, .width = 4, .stride = strides[0], .bias = true});
  x = w.relu(w.norm(x));
  x = w.layers.dropout(w.names.next("dropout"), x, 0.2);
  for (int block = 0; block < kBlocks; ++block) {
    x = w.layers.depthwise(w.names.next("depthwise_conv2d"), x, 1, Padding::same, true);
    x = w.relu(w.norm(x));
    x = w.layers.conv(w.names.next("conv2d"), x, {.filters = kFilters, .bias = true});
    x = w.relu(w.norm(x));
  }
  x = w.layers.dropout(w.names.next("dropout"), x, options.dropout.value_or(0.4));
  x = w.layers.classifier("dense", pooled(w.layers, x), options.classes);
  return std::move(w.layers).finish({input}, {x});
}

}  // namespace smelt::train
