#pragma once

#include <vector>

#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {

/// Values of a kernel that gets zeros between its weights: files that hold few could ask for many.
inline constexpr int64_t kMaxWidened = 1 << 26;

/// What convolutions and pools share. Axes are the spatial ones, outermost first.

/// The layer with its input turned to [N, ..., C] where data_format is "channels_first".
Layer with_channels_last(const Layer& layer);
/// [N, ..., C] in the order that the layer gives out. Nothing is to be done without axes between.
TensorId in_its_format(const Layer& layer, TensorId y);
/// The same with the layer's activation, which is taken in front of the turn where it looks at
/// single values: there it can be fused.
TensorId activated(const Layer& layer, TensorId y);

/// x [N,L,C] -> [N,1,L,C], as TFLite's two-dimensional ops want it.
TensorId with_height(GraphWriter& graph, TensorId x);
/// x [N,1,L,C] -> [N,L,C].
TensorId without_height(GraphWriter& graph, TensorId x);

/// True where the activation that `key` names looks at every value by itself.
bool is_elementwise(const Layer& layer, std::string_view key = "activation");

struct Window {
  std::vector<int32_t> size, stride, dilation;  ///< of so many axes
  Padding padding;
  bool causal;  ///< zeros in front only: taken care of by pad_causally
};

/// Settings of a convolution over so many axes.
Window read_window(const Layer& layer, size_t axes);

/// Zeros in front of the only spatial axis, where the window is causal.
TensorId pad_causally(GraphWriter& graph, TensorId x, const Window& window);

/// [1, results of each axis, channels].
Shape window_output(const Shape& in, const Window& window, int32_t channels);

/// The window over [N,1,L,C] of one over [N,L,C].
Window with_height(const Window& window);

/// The window's steps as attributes of a convolution over two or three axes.
Conv2DAttributes conv_2d_attributes(const Window& window);
Conv3DAttributes conv_3d_attributes(const Window& window);

/// The layer's bias [channels], none without use_bias.
TensorId bias_or_none(const Layer& layer, size_t position, int32_t channels);

}  // namespace smelt::keras
