#pragma once

#include "smelt/ir/shape.h"
#include "smelt/train/augment.h"

namespace smelt::train {

/// The cell (x, y) of a result lies at (xx x + xy y + this->x, yx x + yy y + this->y) of an image.
struct Affine {
  double xx = 1, xy = 0, x = 0;
  double yx = 0, yy = 1, y = 0;

  bool operator==(const Affine&) const = default;
};

/// `first` turns an image into another one, `second` that into the result.
Affine compose(const Affine& first, const Affine& second);

/// image [H,W,C] -> result [H,W,C], bilinear between the four cells around a place. `mode` maps
/// places outside of the image as MapCoordinate of TensorFlow's ImageProjectiveTransform does.
void resample(const Affine& transform, FillMode mode, float fill_value, const Shape& shape,
              const float* image, float* result);

}  // namespace smelt::train
