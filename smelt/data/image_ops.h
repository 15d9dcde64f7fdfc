#pragma once

#include <span>

#include "smelt/ir/shape.h"

namespace smelt {

/// Bilinear resize with half-pixel centers, no antialiasing, as TensorFlow's ResizeBilinear with
/// half_pixel_centers (tf.image.resize): output pixel o looks at (o + 0.5) * in / out - 0.5,
/// clamped to the image.  x [H,W,C] -> y [Ho,Wo,C].
void resize_bilinear(std::span<const float> x, const Shape& x_shape, std::span<float> y,
                     const Shape& y_shape);

/// Gray to color repeats the value; color to gray weighs red, green and blue by 0.299, 0.587 and
/// 0.114 (ITU-R BT.601), not rounded.  x [H,W,C] -> y [H,W,C'], C and C' 1 or 3.
void convert_channels(std::span<const float> x, int from, std::span<float> y, int to);

}  // namespace smelt
