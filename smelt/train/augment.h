#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "smelt/base/random.h"
#include "smelt/ir/shape.h"

namespace smelt::train {

enum class Flip { none, horizontal, vertical, both };

/// What stands outside of an image: it goes on mirrored (dcba|abcd|dcba), with a constant, or with
/// its edge (aaaa|abcd|dddd).
enum class FillMode { reflect, constant, nearest };

/// Random changes of images [H,W,C], those of Keras's preprocessing layers of the same names.
/// Nothing is done that is not asked for.
struct AugmentSettings {
  Flip flip = Flip::none;  ///< each way with probability 1/2
  double rotation = 0;     ///< degrees; the angle is uniform in +-rotation
  double zoom = 0;         ///< share; what is seen grows or shrinks by up to it, keeping its form
  double translation = 0;  ///< share of height and width, by which the image moves at most
  int crop = 0;            ///< cells: pads so many at every side, and cuts the old size out of it
  double brightness = 0;   ///< share of the range of values that is added or subtracted at most
  double contrast = 0;     ///< (x - mean) * c + mean of each channel, c uniform in 1 +- contrast
  int cutout = 0;          ///< cells: a square of this size becomes the middle of the range
  FillMode fill = FillMode::reflect;
  double fill_value = 0;  ///< of FillMode::constant

  bool empty() const;
  /// bad_argument, naming the setting, where one is out of its range.
  void check() const;
  bool operator==(const AugmentSettings&) const = default;
};

/// "flip,rotation=10,zoom=0.1,translation=0.1,crop=4,brightness=0.1,contrast=0.1,cutout=8" and
/// "fill=constant", "fill-value=0"; a name alone means the value here (10 degrees, 10 %), "flip" a
/// horizontal one ("flip=vertical", "flip=both"). bad_argument, listing the names, for another.
AugmentSettings parse_augment(std::string_view text);

std::string_view name(Flip flip);
std::string_view name(FillMode mode);
Flip parse_flip(std::string_view text);
FillMode parse_fill_mode(std::string_view text);

/// From where to where the values of a data set go.
struct ValueLimits {
  float low = 0;
  float high = 1;
};

/// Changes one image [H,W,C] as `random` decides; `result` must not be `image`. Flips, rotation,
/// zoom, translation and crop, in this order, are composed into one bilinear resampling (pixel
/// centres as in ImageProjectiveTransformV3 of TensorFlow: the corner pixels' centres are the
/// image's corners); then brightness and contrast, both cut off at the limits, and cutout. A result
/// depends on the settings, the limits and the state of `random` alone.
void augment_image(const AugmentSettings& settings, const ValueLimits& limits, const Shape& shape,
                   std::span<const float> image, std::span<float> result, Random& random);

}  // namespace smelt::train
