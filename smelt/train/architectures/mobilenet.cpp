#include "smelt/train/architectures/families.h"

namespace smelt::train {
namespace {

constexpr float kMomentum = 0.999f;  // of MobileNetV2's normalizations

/// Filters rounded to a multiple of 8, but not down by over 10 % (keras.applications).
int32_t make_divisible(double filters) {
  const auto rounded = std::max(8, static_cast<int32_t>(filters + 4) / 8 * 8);
  return rounded < 0.9 * filters ? rounded + 8 : rounded;
}

/// Where a stride shrinks the image, Keras pads by itself, as imagenet's weights want it.
TensorId strided_depthwise(LayerWriter& w, const std::string& pad_name, const std::string& name,
                           TensorId x, int32_t stride, bool pads_both_sides_of_odd) {
  if (stride == 1) return w.depthwise(name, x, 1, Padding::same);
  const auto sides = [&](int32_t size) -> std::array<int32_t, 2> {
    return {pads_both_sides_of_odd && size % 2 != 0 ? 1 : 0, 1};
  };
  const Shape in = w.shape(x);
  x = w.zero_pad(pad_name, x, sides(in[1]), sides(in[2]));
  return w.depthwise(name, x, stride, Padding::valid);
}

TensorId norm_relu6(LayerWriter& w, const std::string& norm, const std::string& relu, TensorId x,
                    float momentum) {
  return w.activation(relu, OpType::relu6, w.batch_norm(norm, x, momentum));
}

TensorId inverted_residual(LayerWriter& w, TensorId x, int block, int32_t expansion, int32_t stride,
                           int32_t filters) {
  const std::string prefix = block > 0 ? fmt::format("block_{}_", block) : "expanded_conv_";
  const TensorId input = x;
  const int32_t channels = w.shape(x)[3];
  if (block > 0) {
    x = w.conv(prefix + "expand", x, {.filters = expansion * channels});
    x = norm_relu6(w, prefix + "expand_BN", prefix + "expand_relu", x, kMomentum);
  }
  x = strided_depthwise(w, prefix + "pad", prefix + "depthwise", x, stride, true);
  x = norm_relu6(w, prefix + "depthwise_BN", prefix + "depthwise_relu", x, kMomentum);
  x = w.conv(prefix + "project", x, {.filters = filters});
  x = w.batch_norm(prefix + "project_BN", x, kMomentum);
  return channels == filters && stride == 1 ? w.add(prefix + "add", input, x) : x;
}

}  // namespace

Graph mobilenet_v1(const ArchitectureOptions& options) {
  require_image(options, "mobilenet_v1");
  const std::vector<int32_t> strides = strides_or(options, {2, 2, 2, 2, 2});
  const auto filters = [&](int32_t usual) {
    return std::max(1, static_cast<int32_t>(usual * options.width));
  };
  constexpr float kUsualMomentum = 0.99f;
  struct Block {
    int32_t filters;
    int stride;  ///< which of `strides`; 0: none
  };
  constexpr Block kBlocks[] = {{64, 0},  {128, 1},  {128, 0}, {256, 2}, {256, 0},
                               {512, 3}, {512, 0},  {512, 0}, {512, 0}, {512, 0},
                               {512, 0}, {1024, 4}, {1024, 0}};
  LayerWriter w(options.seed);
  const TensorId input = w.input("input", options.input);
  TensorId x = w.conv("conv1", input,
                      {.filters = filters(32), .height = 3, .width = 3, .stride = strides[0]});
  x = norm_relu6(w, "conv1_bn", "conv1_relu", x, kUsualMomentum);
  int block = 0;
  for (const Block& each : kBlocks) {
    ++block;
    const std::string depthwise = fmt::format("conv_dw_{}", block);
    const std::string pointwise = fmt::format("conv_pw_{}", block);
    const int32_t stride = each.stride > 0 ? strides[static_cast<size_t>(each.stride)] : 1;
    x = strided_depthwise(w, fmt::format("conv_pad_{}", block), depthwise, x, stride, false);
    x = norm_relu6(w, depthwise + "_bn", depthwise + "_relu", x, kUsualMomentum);
    x = w.conv(pointwise, x, {.filters = filters(each.filters)});
    x = norm_relu6(w, pointwise + "_bn", pointwise + "_relu", x, kUsualMomentum);
  }
  x = w.global_average("global_average_pooling2d", x, true);
  x = w.dropout("dropout", x, options.dropout.value_or(1e-3));
  x = w.conv("conv_preds", x, {.filters = options.classes, .bias = true});
  x = w.reshape("reshape_2", x, {options.classes});
  x = options.classes == 1 ? w.activation("predictions", OpType::logistic, x)
                           : w.softmax("predictions", x);
  return std::move(w).finish({input}, {x});
}

Graph mobilenet_v2(const ArchitectureOptions& options) {
  require_image(options, "mobilenet_v2");
  const std::vector<int32_t> strides = strides_or(options, {2, 2, 2, 2, 2});
  struct Stage {
    int32_t filters;
    int repeats;
    int stride;  ///< of its first block: which of `strides`; 0: none
  };
  constexpr Stage kStages[] = {{16, 1, 0}, {24, 2, 1},  {32, 3, 2}, {64, 4, 3},
                               {96, 3, 0}, {160, 3, 4}, {320, 1, 0}};
  LayerWriter w(options.seed);
  const TensorId input = w.input("input", options.input);
  TensorId x = w.conv("Conv1", input,
                      {.filters = make_divisible(32 * options.width),
                       .height = 3,
                       .width = 3,
                       .stride = strides[0]});
  x = norm_relu6(w, "bn_Conv1", "Conv1_relu", x, kMomentum);
  int block = 0;
  for (const Stage& stage : kStages) {
    const int32_t filters = make_divisible(static_cast<int32_t>(stage.filters * options.width));
    for (int i = 0; i < stage.repeats; ++i) {
      const bool shrinks = i == 0 && stage.stride > 0;
      const int32_t stride = shrinks ? strides[static_cast<size_t>(stage.stride)] : 1;
      x = inverted_residual(w, x, block++, 6, stride, filters);
    }
  }
  const int32_t last = options.width > 1 ? make_divisible(1280 * options.width) : 1280;
  x = w.conv("Conv_1", x, {.filters = last, .padding = Padding::valid});
  x = norm_relu6(w, "Conv_1_bn", "out_relu", x, kMomentum);
  x = w.global_average("global_average_pooling2d", x);
  x = w.dropout("dropout", x, options.dropout.value_or(0.2));
  x = w.classifier("predictions", x, options.classes);
  return std::move(w).finish({input}, {x});
}

}  // namespace smelt::train
