#include "smelt/train/augment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>

#include "smelt/data/test_files.h"
#include "smelt/train/resample.h"

namespace smelt::train {
namespace {

using test::error_of;

std::vector<float> numbered(const Shape& shape) {
  std::vector<float> image(static_cast<size_t>(shape.elements()));
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i);
  return image;
}

std::vector<float> resampled(const Affine& transform, FillMode mode, const Shape& shape,
                             const std::vector<float>& image, float fill = 0) {
  std::vector<float> result(image.size(), NAN);
  resample(transform, mode, fill, shape, image.data(), result.data());
  return result;
}

/// One cell of an image that goes on for ever, cell by cell.
double cell(const std::vector<float>& image, const Shape& shape, FillMode mode, double fill,
            int64_t y, int64_t x, int64_t c) {
  const auto inside = [&](int64_t i, int64_t size) {
    if (mode == FillMode::nearest) return std::clamp<int64_t>(i, 0, size - 1);
    const int64_t phase = ((i % (2 * size)) + 2 * size) % (2 * size);
    return phase < size ? phase : 2 * size - 1 - phase;
  };
  const bool outside = y < 0 || y >= shape[0] || x < 0 || x >= shape[1];
  if (mode == FillMode::constant && outside) return fill;
  y = inside(y, shape[0]);
  x = inside(x, shape[1]);
  return image[static_cast<size_t>((y * shape[1] + x) * shape[2] + c)];
}

TEST(Resample, EqualsAPlainOracle) {
  const Shape shape{7, 9, 2};
  const std::vector<float> image = numbered(shape);
  constexpr float kFill = -5;
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    const auto draw = [&](double limit) { return (2 * random.uniform() - 1) * limit; };
    const Affine t{.xx = 1 + draw(0.5),
                   .xy = draw(0.5),
                   .x = draw(12),
                   .yx = draw(0.5),
                   .yy = 1 + draw(0.5),
                   .y = draw(12)};
    for (const FillMode mode : {FillMode::constant, FillMode::nearest}) {
      const std::vector<float> result = resampled(t, mode, shape, image, kFill);
      size_t at = 0;
      for (int y = 0; y < shape[0]; ++y) {
        for (int x = 0; x < shape[1]; ++x) {
          const double from_x = t.xx * x + t.xy * y + t.x, from_y = t.yx * x + t.yy * y + t.y;
          const auto low_x = static_cast<int64_t>(std::floor(from_x));
          const auto low_y = static_cast<int64_t>(std::floor(from_y));
          const double dx = from_x - std::floor(from_x), dy = from_y - std::floor(from_y);
          for (int c = 0; c < shape[2]; ++c) {
            const auto at_cell = [&](int64_t row, int64_t column) {
              return cell(image, shape, mode, kFill, row, column, c);
            };
            const double expected =
                (1 - dy) * ((1 - dx) * at_cell(low_y, low_x) + dx * at_cell(low_y, low_x + 1)) +
                dy * ((1 - dx) * at_cell(low_y + 1, low_x) + dx * at_cell(low_y + 1, low_x + 1));
            ASSERT_NEAR(result[at++], expected, 1e-3) << name(mode) << " round " << round;
          }
        }
      }
    }
  }
}

TEST(Resample, WholeStepsMirrorTheImage) {
  const Shape shape{5, 4, 1};
  const std::vector<float> image = numbered(shape);
  for (int dx = -11; dx <= 11; ++dx) {
    for (int dy = -11; dy <= 11; ++dy) {
      const Affine t{.x = static_cast<double>(dx), .y = static_cast<double>(dy)};
      const std::vector<float> result = resampled(t, FillMode::reflect, shape, image);
      for (int y = 0; y < shape[0]; ++y) {
        for (int x = 0; x < shape[1]; ++x) {
          ASSERT_EQ(result[static_cast<size_t>(y * shape[1] + x)],
                    cell(image, shape, FillMode::reflect, 0, y + dy, x + dx, 0))
              << dx << " " << dy;
        }
      }
    }
  }
}

TEST(Resample, EqualsTensorFlow) {
  // tf.raw_ops.ImageProjectiveTransformV3 of the image 0..19 turned by 25 degrees, fill value 100.
  const Shape shape{4, 5, 1};
  const double c = std::cos(25 * std::numbers::pi / 180), s = std::sin(25 * std::numbers::pi / 180);
  const Affine turn{.xx = c,
                    .xy = -s,
                    .x = (4 - (c * 4 - s * 3)) / 2,
                    .yx = s,
                    .yy = c,
                    .y = (3 - (s * 4 + c * 3)) / 2};
  const std::vector<double> inside{0.82131, 1.7276, 3.3366, 6.356,  8.9289, 1.4067, 4.4261,
                                   7.4455,  10.465, 13.46,  5.5396, 8.5351, 11.554, 14.574,
                                   17.593,  10.071, 12.644, 15.663, 17.272, 18.179};
  const std::vector<double> constant{70.712, 29.448, 3.3366, 6.356,  49.596, 1.4067, 4.4261,
                                     7.4455, 10.465, 15.531, 7.7995, 8.5351, 11.554, 14.574,
                                     17.593, 50.228, 12.644, 15.663, 40.608, 75.838};
  const auto expect_near = [&](FillMode mode, const std::vector<double>& expected) {
    const std::vector<float> result = resampled(turn, mode, shape, numbered(shape), 100);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(result[i], expected[i], 2e-3) << name(mode) << " " << i;
    }
  };
  expect_near(FillMode::reflect, inside);
  expect_near(FillMode::nearest, inside);
  expect_near(FillMode::constant, constant);
}

TEST(Resample, ComposedEqualsOneAfterTheOther) {
  const Affine a{.xx = 0.9, .xy = -0.2, .x = 1, .yx = 0.1, .yy = 1.2, .y = -2};
  const Affine b{.xx = -1, .x = 7, .y = 3};
  const Affine both = compose(a, b);
  const double x = 2, y = 5;
  const double bx = b.xx * x + b.xy * y + b.x, by = b.yx * x + b.yy * y + b.y;
  EXPECT_DOUBLE_EQ(both.xx * x + both.xy * y + both.x, a.xx * bx + a.xy * by + a.x);
  EXPECT_DOUBLE_EQ(both.yx * x + both.yy * y + both.y, a.yx * bx + a.yy * by + a.y);
}

std::vector<float> augmented(const AugmentSettings& settings, const Shape& shape,
                             const std::vector<float>& image, uint64_t seed,
                             ValueLimits limits = {0, 255}) {
  std::vector<float> result(image.size(), NAN);
  Random random(seed);
  augment_image(settings, limits, shape, image, result, random);
  return result;
}

TEST(Augment, FlipsHalfOfTheTime) {
  const Shape shape{2, 3, 1};
  const std::vector<float> image = numbered(shape);
  int flipped = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const std::vector<float> result = augmented({.flip = Flip::horizontal}, shape, image, seed);
    if (result == image) continue;
    ASSERT_EQ(result, (std::vector<float>{2, 1, 0, 5, 4, 3}));
    ++flipped;
  }
  EXPECT_NEAR(flipped, 500, 60);
  const std::vector<float> vertical{3, 4, 5, 0, 1, 2};
  bool seen = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<float> result = augmented({.flip = Flip::vertical}, shape, image, seed);
    ASSERT_TRUE(result == image || result == vertical);
    seen |= result == vertical;
  }
  EXPECT_TRUE(seen);
}

TEST(Augment, CropMovesByWholeCells) {
  const Shape shape{8, 8, 1};
  const std::vector<float> image = numbered(shape);
  std::set<std::vector<float>> seen;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::vector<float> result =
        augmented({.crop = 1, .fill = FillMode::constant, .fill_value = -1}, shape, image, seed);
    seen.insert(result);
    for (const float value : result) ASSERT_EQ(value, std::round(value));
  }
  EXPECT_EQ(seen.size(), 9u);
}

TEST(Augment, RotationKeepsTheMiddle) {
  const Shape shape{9, 9, 1};
  const std::vector<float> image = numbered(shape);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_NEAR(augmented({.rotation = 180, .zoom = 0.5}, shape, image, seed)[40], 40, 1e-3);
  }
}

TEST(Augment, BrightnessAndContrastStayInTheLimits) {
  const Shape shape{4, 4, 3};
  std::vector<float> image = numbered(shape);
  for (float& value : image) value /= 47;
  double lowest = 1, highest = -1;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> result = augmented({.brightness = 0.3}, shape, image, seed, {0, 1});
    for (const float value : result) ASSERT_TRUE(value >= 0 && value <= 1);
    lowest = std::min<double>(lowest, result[24] - image[24]);
    highest = std::max<double>(highest, result[24] - image[24]);
  }
  EXPECT_NEAR(lowest, -0.3, 0.02);
  EXPECT_NEAR(highest, 0.3, 0.02);
  const std::vector<float> result = augmented({.contrast = 0.5}, shape, image, 7, {0, 1});
  const double factor = (result[24] - result[21]) / (image[24] - image[21]);
  EXPECT_TRUE(factor > 0.5 && factor < 1.5) << factor;
}

TEST(Augment, CutoutMakesASquareGrey) {
  const Shape shape{16, 16, 1};
  const std::vector<float> image(256, 255);
  size_t most = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const std::vector<float> result = augmented({.cutout = 4}, shape, image, seed);
    const auto grey = static_cast<size_t>(std::count(result.begin(), result.end(), 127.5f));
    ASSERT_TRUE(grey >= 4 && grey <= 16) << grey;
    most = std::max(most, grey);
  }
  EXPECT_EQ(most, 16u);
}

TEST(Augment, ParsesText) {
  const AugmentSettings all = parse_augment(
      "flip,rotation,zoom,translation=0.2,crop,brightness=0.3,contrast,cutout=6,fill=nearest");
  EXPECT_EQ(all, (AugmentSettings{.flip = Flip::horizontal,
                                  .rotation = 10,
                                  .zoom = 0.1,
                                  .translation = 0.2,
                                  .crop = 4,
                                  .brightness = 0.3,
                                  .contrast = 0.1,
                                  .cutout = 6,
                                  .fill = FillMode::nearest}));
  EXPECT_TRUE(parse_augment("").empty());
  EXPECT_TRUE(parse_augment("fill=constant,fill-value=3").empty());
  EXPECT_EQ(error_of([] { parse_augment("rotate"); }),
            "bad_argument: augment: there is no rotate; there are flip, fill, rotation, zoom, "
            "translation, crop, brightness, contrast, cutout, fill-value");
  EXPECT_EQ(error_of([] { parse_augment("zoom=1.5"); }),
            "bad_argument: augment: zoom is 1.5; it lies in [0, 1)");
  for (const char* text : {"zoom=", "zoom=x", "zoom=nan", "rotation=181", "flip=up", "fill",
                           "fill-value", "crop=-1", "cutout=5000", "zoom=0.1x"}) {
    EXPECT_NE(error_of([&] { parse_augment(text); }), "") << text;
  }
}

}  // namespace
}  // namespace smelt::train
