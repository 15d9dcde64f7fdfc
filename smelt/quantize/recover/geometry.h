#pragma once

#include <optional>

#include "smelt/ir/graph.h"

namespace smelt {

/// A CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED as a product of matrices: result o at a position
/// is the sum over k of weight (o, k) times value k of the patch there, a patch for each group of
/// result channels. Cells of padding are 0.
struct LayerGeometry {
  int64_t images = 1, in_h = 1, in_w = 1, channels = 1;  ///< x [images, in_h, in_w, channels]
  int64_t out_h = 1, out_w = 1;
  int64_t filter_h = 1, filter_w = 1;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_h = 0, pad_w = 0;
  int64_t groups = 1;
  int64_t outputs = 1;     ///< of all groups
  bool depthwise = false;  ///< weights [kh, kw, outputs]; otherwise [outputs, kh, kw, I / groups]

  int64_t positions() const { return images * out_h * out_w; }
  int64_t group_channels() const { return channels / groups; }
  int64_t patch_size() const { return filter_h * filter_w * group_channels(); }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t group_of(int64_t output) const { return output / group_outputs(); }
  /// Where weight (o, k) lies.
  int64_t weight_index(int64_t output, int64_t k) const {
    return depthwise ? k * outputs + output : output * patch_size() + k;
  }

  /// The patch of a group at a position (in [0, positions())): patch_size() values.
  void copy_patch(const float* x, int64_t position, int64_t group, float* patch) const;
};

/// Nothing for ops of other types, and where weights are computed or stored in another order.
std::optional<LayerGeometry> geometry_of(const Graph& graph, const Op& op);

}  // namespace smelt
