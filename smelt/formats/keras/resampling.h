#pragma once

#include <string>
#include <vector>

#include "smelt/formats/common/graph_writer.h"

namespace smelt::keras {

/// x [N,H,W,C] -> [N,h,w,C] as tf.image.resize does it: "bilinear" and "nearest" by their ops, all
/// other methods ("bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"), and
/// antialiasing, by a constant matrix along each axis. unsupported for other names.
TensorId resized(GraphWriter& graph, TensorId x, const std::string& method, int32_t h, int32_t w,
                 bool antialias);

/// The matrix of one axis, [out, in], each row of sum 1: the rules of TensorFlow's
/// ScaleAndTranslate, ResizeBicubic (half pixel centres) and ResizeArea.
std::vector<float> resampling_matrix(const std::string& method, int32_t in, int32_t out,
                                     bool antialias);

}  // namespace smelt::keras
