#include "smelt/train/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "smelt/base/error.h"
#include "smelt/train/resample.h"

namespace smelt::train {
namespace {

bool coin(Random& random) { return (random.next() >> 63) != 0; }

double within(Random& random, double limit) { return (2 * random.uniform() - 1) * limit; }

/// Where the cells of the changed image lie in the image.
Affine draw_transform(const AugmentSettings& settings, int32_t height, int32_t width,
                      Random& random) {
  const double right = width - 1, bottom = height - 1;
  Affine all;
  const auto then = [&](const Affine& next) { all = compose(all, next); };
  const bool flips_x = settings.flip == Flip::horizontal || settings.flip == Flip::both;
  const bool flips_y = settings.flip == Flip::vertical || settings.flip == Flip::both;
  if (flips_x && coin(random)) then({.xx = -1, .x = right});
  if (flips_y && coin(random)) then({.yy = -1, .y = bottom});
  if (settings.rotation > 0) {
    const double angle = within(random, settings.rotation) * std::numbers::pi / 180;
    const double c = std::cos(angle), s = std::sin(angle);
    then({.xx = c,
          .xy = -s,
          .x = (right - (c * right - s * bottom)) / 2,
          .yx = s,
          .yy = c,
          .y = (bottom - (s * right + c * bottom)) / 2});
  }
  if (settings.zoom > 0) {
    const double zoom = 1 + within(random, settings.zoom);
    then({.xx = zoom, .x = right / 2 * (1 - zoom), .yy = zoom, .y = bottom / 2 * (1 - zoom)});
  }
  if (settings.translation > 0) {
    const double y = within(random, settings.translation) * height;
    const double x = within(random, settings.translation) * width;
    then({.x = -x, .y = -y});
  }
  if (settings.crop > 0) {
    const auto places = static_cast<uint64_t>(2 * settings.crop + 1);
    const double y = static_cast<double>(random.below(places)) - settings.crop;
    const double x = static_cast<double>(random.below(places)) - settings.crop;
    then({.x = x, .y = y});
  }
  return all;
}

void change_brightness(double share, const ValueLimits& limits, std::span<float> image,
                       Random& random) {
  const auto delta = static_cast<float>(within(random, share)) * (limits.high - limits.low);
  for (float& value : image) value = std::clamp(value + delta, limits.low, limits.high);
}

void change_contrast(double share, const ValueLimits& limits, std::span<float> image,
                     size_t channels, Random& random) {
  const auto factor = static_cast<float>(1 + within(random, share));
  for (size_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (size_t i = c; i < image.size(); i += channels) sum += image[i];
    const auto mean =
        static_cast<float>(sum * static_cast<double>(channels) / static_cast<double>(image.size()));
    for (size_t i = c; i < image.size(); i += channels) {
      image[i] = std::clamp((image[i] - mean) * factor + mean, limits.low, limits.high);
    }
  }
}

/// The square's middle is any cell, so that what lies outside is lost (DeVries and Taylor 2017).
void cut_out(int size, const ValueLimits& limits, const Shape& shape, std::span<float> image,
             Random& random) {
  const auto begin = [&](int32_t cells) {
    return static_cast<int32_t>(random.below(static_cast<uint64_t>(cells))) - size / 2;
  };
  const int32_t top = begin(shape[0]), left = begin(shape[1]);
  const int32_t first = std::max(left, 0), last = std::min(left + size, shape[1]);
  const float middle = (limits.low + limits.high) / 2;
  for (int32_t y = std::max(top, 0); y < std::min(top + size, shape[0]); ++y) {
    float* row = image.data() + int64_t{y} * shape[1] * shape[2];
    std::fill(row + int64_t{first} * shape[2], row + int64_t{last} * shape[2], middle);
  }
}

}  // namespace

bool AugmentSettings::empty() const {
  AugmentSettings nothing;
  nothing.fill = fill;
  nothing.fill_value = fill_value;
  return *this == nothing;
}

void AugmentSettings::check() const {
  const auto require = [](bool holds, std::string_view setting, double value,
                          std::string_view range) {
    if (!holds) {
      fail(ErrorKind::bad_argument, "augment: {} is {}; it lies in {}", setting, value, range);
    }
  };
  const auto share = [](double value) { return value >= 0 && value < 1; };
  require(rotation >= 0 && rotation <= 180, "rotation", rotation, "[0, 180] degrees");
  require(share(zoom), "zoom", zoom, "[0, 1)");
  require(share(translation), "translation", translation, "[0, 1)");
  require(share(brightness), "brightness", brightness, "[0, 1)");
  require(share(contrast), "contrast", contrast, "[0, 1)");
  constexpr int kMaxCells = 4096;
  require(crop >= 0 && crop <= kMaxCells, "crop", crop, "[0, 4096] cells");
  require(cutout >= 0 && cutout <= kMaxCells, "cutout", cutout, "[0, 4096] cells");
  require(std::isfinite(fill_value), "fill-value", fill_value, "the finite numbers");
}

void augment_image(const AugmentSettings& settings, const ValueLimits& limits, const Shape& shape,
                   std::span<const float> image, std::span<float> result, Random& random) {
  const Affine transform = draw_transform(settings, shape[0], shape[1], random);
  resample(transform, settings.fill, static_cast<float>(settings.fill_value), shape, image.data(),
           result.data());
  if (settings.brightness > 0) change_brightness(settings.brightness, limits, result, random);
  if (settings.contrast > 0) {
    change_contrast(settings.contrast, limits, result, static_cast<size_t>(shape[2]), random);
  }
  if (settings.cutout > 0) cut_out(settings.cutout, limits, shape, result, random);
}

}  // namespace smelt::train
