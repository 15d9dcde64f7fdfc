#include "smelt/data/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/data/array_dataset.h"
#include "smelt/data/image_ops.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::error_of;
using test::make_array;
using testing::ElementsAre;
using testing::FloatEq;
using testing::FloatNear;
using testing::HasSubstr;

template <class T>
DatasetPtr dataset_of(const Shape& shape, const std::vector<T>& values) {
  ArrayDatasetParts parts;
  parts.name = "numbers";
  parts.inputs.emplace_back(make_array<T>(shape, values));
  return make_array_dataset(std::move(parts));
}

std::vector<float> first_of(const DatasetPtr& dataset) {
  std::vector<float> values(static_cast<size_t>(dataset->input_shape(0).elements()));
  dataset->read(0, 0, values);
  return values;
}

TEST(Preprocess, LeavesPixelsAloneByDefault) {
  const DatasetPtr pixels = dataset_of<uint8_t>({1, 3}, {0, 128, 255});
  EXPECT_EQ(preprocess(pixels, {}), pixels);
  EXPECT_THAT(first_of(pixels), ElementsAre(0, 128, 255));
}

TEST(Preprocess, MapsPixelsToARange) {
  const DatasetPtr pixels = dataset_of<uint8_t>({1, 3}, {0, 51, 255});
  EXPECT_THAT(first_of(preprocess(pixels, {.range = ValueRange::zero_to_255})),
              ElementsAre(0, 51, 255));
  EXPECT_THAT(first_of(preprocess(pixels, {.range = ValueRange::zero_to_1})),
              ElementsAre(0.0f, 51.0f / 255.0f, 1.0f));
  EXPECT_THAT(first_of(preprocess(pixels, {.range = ValueRange::minus_1_to_1})),
              ElementsAre(-1.0f, 51.0f / 127.5f - 1.0f, 1.0f));
}

TEST(Preprocess, MapsFloatPixelsOnlyWhereTheyArePixels) {
  const auto error = [](const std::vector<float>& values) {
    return error_of([&] {
      first_of(preprocess(dataset_of<float>({1, 2}, values), {.range = ValueRange::zero_to_1}));
    });
  };
  EXPECT_EQ(error({0, 255}), "");
  EXPECT_THAT(error({-3, 200}), HasSubstr("bad_argument: while preparing numbers: 1 samples"));
  EXPECT_THAT(error({-3, 200}), HasSubstr("sample 0 holds -3; leave the range away"));
  EXPECT_THAT(error({0, 256}), HasSubstr("sample 0 holds 256"));
  EXPECT_THAT(error({0, std::nanf("")}), HasSubstr("holds nan"));
  EXPECT_THAT(error({0, 0.9f}), HasSubstr("lie within 0..1 already"));
}

TEST(Preprocess, ChecksEverySampleOfFloatData) {
  std::vector<float> values(100, 200.0f);
  values[97] = -1;
  const DatasetPtr dataset =
      preprocess(dataset_of<float>({100, 1}, values), {.range = ValueRange::zero_to_1});
  std::vector<float> one(1);
  dataset->read(96, 0, one);
  EXPECT_THAT(error_of([&] { dataset->read(97, 0, one); }), HasSubstr("sample 97 holds -1"));
}

TEST(Preprocess, SubtractsTheMeanAndDividesByTheStdPerChannel) {
  const DatasetPtr pixels = dataset_of<uint8_t>({1, 1, 2, 3}, {0, 51, 102, 153, 204, 255});
  EXPECT_THAT(first_of(preprocess(pixels, {.mean = {1, 2, 3}, .std = {2, 4, 8}})),
              ElementsAre(-0.5f, 12.25f, 12.375f, 76.0f, 50.5f, 31.5f));
  EXPECT_THAT(first_of(preprocess(pixels, {.mean = {51}, .std = {51}})),
              ElementsAre(-1, 0, 1, 2, 3, 4));
  EXPECT_THAT(
      first_of(preprocess(pixels, {.range = ValueRange::zero_to_1, .mean = {0.5f}, .std = {0.5f}})),
      ElementsAre(FloatEq(-1), FloatEq(-0.6f), FloatEq(-0.2f), FloatNear(0.2f, 1e-6f),
                  FloatEq(0.6f), FloatEq(1)));
}

TEST(Preprocess, RefusesRequestsThatMakeNoSense) {
  const DatasetPtr pixels = dataset_of<uint8_t>({1, 1, 1, 3}, {0, 1, 2});
  const DatasetPtr flat = dataset_of<float>({1, 4}, {0, 1, 2, 3});
  const auto error = [](const DatasetPtr& dataset, const Preprocessing& asked) {
    return error_of([&] { preprocess(dataset, asked); });
  };
  EXPECT_THAT(error(pixels, {.mean = {1, 2}}), HasSubstr("2 values of mean for samples of shape"));
  EXPECT_THAT(error(pixels, {.std = {0}}), HasSubstr("it must be greater than 0"));
  EXPECT_THAT(error(pixels, {.std = {-1}}), HasSubstr("it must be greater than 0"));
  EXPECT_THAT(error(pixels, {.channels = 2}), HasSubstr("1 (gray) or 3 (color)"));
  EXPECT_THAT(error(pixels, {.resize = ImageSize{0, 4}}), HasSubstr("a size of 0x4"));
  EXPECT_THAT(error(flat, {.resize = ImageSize{2, 2}}), HasSubstr("are not images"));
  EXPECT_THAT(error(dataset_of<uint8_t>({1, 1, 1, 2}, {0, 1}), {.channels = 3}),
              HasSubstr("images of 2 channels cannot become images of 3"));
}

TEST(Preprocess, ConvertsBetweenGrayAndColor) {
  const DatasetPtr color = dataset_of<uint8_t>({1, 1, 1, 3}, {10, 100, 200});
  const DatasetPtr gray = preprocess(color, {.channels = 1});
  EXPECT_EQ(gray->input_shape(0), (Shape{1, 1, 1}));
  EXPECT_THAT(first_of(gray), ElementsAre(FloatEq(2.99f + 58.7f + 22.8f)));
  EXPECT_FALSE(gray->holds_pixels(0));
  const DatasetPtr back = preprocess(dataset_of<uint8_t>({1, 1, 2}, {7, 9}), {.channels = 3});
  EXPECT_EQ(back->input_shape(0), (Shape{1, 2, 3}));
  EXPECT_THAT(first_of(back), ElementsAre(7, 7, 7, 9, 9, 9));
  EXPECT_TRUE(back->holds_pixels(0));
}

TEST(Preprocess, ResizesWithHalfPixelCenters) {
  // Two pixels to four: the centers fall at -0.25, 0.25, 0.75 and 1.25.
  const DatasetPtr two = dataset_of<uint8_t>({1, 1, 2, 1}, {0, 100});
  EXPECT_THAT(first_of(preprocess(two, {.resize = ImageSize{1, 4}})), ElementsAre(0, 25, 75, 100));
  // Four to two: 0.5 and 2.5. Both axes: the mean of each square of four.
  const DatasetPtr square = dataset_of<uint8_t>({1, 2, 4, 1}, {0, 4, 8, 12, 100, 104, 108, 112});
  EXPECT_THAT(first_of(preprocess(square, {.resize = ImageSize{1, 2}})), ElementsAre(52, 60));
  EXPECT_THAT(first_of(preprocess(square, {.resize = ImageSize{2, 4}})),
              ElementsAre(0, 4, 8, 12, 100, 104, 108, 112));
}

TEST(Preprocess, ResizesAsTensorFlowDoes) {
  // tf.image.resize(tf.reshape(tf.range(12.), [1, 3, 4, 1]) ** 2, [2, 5]) of TensorFlow 2.21.
  const std::vector<float> x = {0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121};
  std::vector<float> y(10);
  resize_bilinear(x, {3, 4, 1}, y, {2, 5, 1});
  EXPECT_THAT(y, ElementsAre(4.0f, 6.09999943f, 9.5f, 14.0999994f, 19.0f, 52.0f, 62.5f, 75.5f,
                             89.7000046f, 103.0f));
}

TEST(Preprocess, ParsesWhatFlagsSay) {
  EXPECT_EQ(parse_value_range("-1..1"), ValueRange::minus_1_to_1);
  EXPECT_EQ(parse_value_range("0..255"), ValueRange::zero_to_255);
  EXPECT_THAT(error_of([] { parse_value_range("0-1"); }), HasSubstr("not one of 0..255, 0..1"));
  EXPECT_EQ(parse_image_size("96x128"), (ImageSize{96, 128}));
  EXPECT_EQ(parse_image_size("96"), (ImageSize{96, 96}));
  for (const char* bad : {"", "x", "96x", "x96", "0", "-3", "96x128x3", "1e3", "99999999999"}) {
    EXPECT_THAT(error_of([&] { parse_image_size(bad); }), HasSubstr("bad_argument")) << bad;
  }
  EXPECT_THAT(parse_float_list("0.5"), ElementsAre(0.5f));
  EXPECT_THAT(parse_float_list("1,-2,3e1"), ElementsAre(1, -2, 30));
  for (const char* bad : {"", ",", "1,", "1;2", "nan", "inf", "1 2"}) {
    EXPECT_THAT(error_of([&] { parse_float_list(bad); }), HasSubstr("bad_argument")) << bad;
  }
}

}  // namespace
}  // namespace smelt
