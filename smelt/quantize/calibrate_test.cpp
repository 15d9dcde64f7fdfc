#include "smelt/quantize/calibrate.h"

#include <cmath>
#include <limits>

#include "smelt/quantize/float_models.h"
#include "smelt/quantize/observe.h"

namespace smelt {
namespace {

using testing::HasSubstr;

TEST(Observe, FindsExtremesInAnyLane) {
  for (const size_t size : {1u, 15u, 16u, 17u, 100u}) {
    for (size_t at = 0; at < size; ++at) {
      std::vector<float> values(size, 0.5f);
      values[at] = -3;
      values[(at + 1) % size] = 4;
      TensorStats stats;
      ASSERT_TRUE(observe(values, stats));
      EXPECT_EQ(stats.count, static_cast<int64_t>(size));
      EXPECT_EQ(stats.max, 4);
      EXPECT_EQ(stats.min, size == 1 ? 4 : -3);
    }
  }
}

TEST(Observe, FindsNanAndInfinityInAnyLane) {
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    for (size_t at = 0; at < 40; ++at) {
      std::vector<float> values(40, 1.0f);
      values[at] = bad;
      TensorStats stats;
      EXPECT_FALSE(observe(values, stats)) << at;
    }
  }
}

TEST(Calibrate, SeesEveryTensor) {
  const Model model = small_classifier();
  const Stats stats = calibrate(model, random_dataset(7, {6, 6, 3}, 2));
  EXPECT_EQ(stats.samples, 7);
  const TensorStats& image = stats.tensors.at(find_tensor(model.main(), "image"));
  EXPECT_EQ(image.count, 7 * 6 * 6 * 3);
  EXPECT_NEAR(image.min, -2, 0.1);
  EXPECT_NEAR(image.max, 2, 0.1);
  for (const char* name : {"conv", "mean", "dense", "softmax"}) {
    EXPECT_GT(stats.tensors.at(find_tensor(model.main(), name)).count, 0) << name;
  }
  EXPECT_EQ(stats.tensors.at(find_tensor(model.main(), "conv")).min, 0) << "behind the ReLU";
  EXPECT_EQ(stats.tensors.size(), 5u);
}

TEST(Calibrate, DoesNotDependOnThreads) {
  const Model model = small_classifier();
  const DatasetPtr data = random_dataset(50, {6, 6, 3});
  const Stats one = calibrate(model, data, {.channels = true, .threads = 1});
  const Stats four = calibrate(model, data, {.channels = true, .threads = 4});
  ASSERT_EQ(one.tensors.size(), four.tensors.size());
  for (const auto& [id, stats] : one.tensors) {
    EXPECT_EQ(stats.count, four.tensors.at(id).count);
    EXPECT_EQ(stats.min, four.tensors.at(id).min);
    EXPECT_EQ(stats.max, four.tensors.at(id).max);
    EXPECT_EQ(stats.by_sample, four.tensors.at(id).by_sample);
    EXPECT_EQ(stats.by_channel, four.tensors.at(id).by_channel);
    EXPECT_EQ(stats.correlation, four.tensors.at(id).correlation);
  }
}

TEST(Observe, ChannelsAndNeighbours) {
  std::vector<float> values(5 * 37);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 37 * (i / 37));
  std::vector<Range> channels(37, {0, 0});
  observe_channels(values, channels);
  for (size_t c = 0; c < channels.size(); ++c) {
    EXPECT_EQ(channels[c], (Range{0, static_cast<float>(4 * c)})) << c;
  }
  EXPECT_NEAR(neighbour_correlation(std::vector<float>{0, 0, 0, 0, 1, 1, 1, 1, 0, 0}, 5, 2), 0,
              1e-6);
  EXPECT_NEAR(neighbour_correlation(std::vector<float>{1, 2, 3, 4, 2, 3, 4, 5}, 4, 1), 1, 1e-6);
  EXPECT_NEAR(neighbour_correlation(std::vector<float>{1, -1, 1, -1, 1, -1}, 6, 1), -1, 1e-6);
  EXPECT_EQ(neighbour_correlation(std::vector<float>(8, 3.0f), 4, 1), 0);
}

TEST(Calibrate, KnowsTheRangeOfEachSample) {
  const Model model = small_classifier();
  std::vector<float> values(30 * 108, 0.5f);
  for (size_t sample = 0; sample < 30; ++sample) {
    values[sample * 108 + sample] = static_cast<float>(sample + 1);
    values[sample * 108 + 50] = -static_cast<float>(sample);
  }
  ArrayDatasetParts parts{.name = "ramp"};
  parts.inputs.emplace_back(
      Array{.type = DataType::float32, .shape = {30, 6, 6, 3}, .data = Buffer::of(values)});
  const Stats stats = calibrate(model, make_array_dataset(std::move(parts)));
  const TensorStats& image = stats.tensors.at(find_tensor(model.main(), "image"));
  ASSERT_EQ(image.by_sample.size(), 30u);
  for (size_t sample = 0; sample < 30; ++sample) {
    EXPECT_EQ(image.by_sample[sample].max, static_cast<float>(sample + 1));
    EXPECT_EQ(image.by_sample[sample].min, -static_cast<float>(sample));
  }
  EXPECT_EQ(image.max, 30);
}

TEST(Calibrate, TakesAsManySamplesAsAsked) {
  const Model model = small_classifier();
  EXPECT_EQ(calibrate(model, random_dataset(50, {6, 6, 3}), {.samples = 20}).samples, 20);
}

TEST(Calibrate, RefusesNanWeightsByLayer) {
  Model model = small_classifier();
  std::vector<float> weights(20, 1.0f);
  weights[13] = std::nanf("");
  model.main().tensor(find_tensor(model.main(), "dense/w")).data = Buffer::of(weights);
  EXPECT_THAT(message_of(ErrorKind::bad_file,
                         [&] {
                           calibrate(model, random_dataset(2, {6, 6, 3}));
                         }),
              HasSubstr("FULLY_CONNECTED (layer dense): its weights dense/w hold NaN"));
}

TEST(Calibrate, NamesTheFirstLayerThatOverflows) {
  Model model = small_classifier();
  // The fused ReLU clamps the infinities to the largest float.
  const std::vector<float> weights(108, 3e38f);
  model.main().tensor(find_tensor(model.main(), "conv/w")).data = Buffer::of(weights);
  const std::string message = message_of(ErrorKind::bad_file, [&] {
    calibrate(model, random_dataset(9, {6, 6, 3}, 100));
  });
  EXPECT_THAT(message, HasSubstr("op 0 CONV_2D (layer conv): its result conv is NaN or infinite"));
  EXPECT_THAT(message, HasSubstr("sample 0"));
}

TEST(Calibrate, RefusesNanInTheData) {
  ArrayDatasetParts parts{.name = "bad"};
  std::vector<float> values(2 * 108, 0.5f);
  values[108 + 5] = std::nanf("");
  parts.inputs.emplace_back(
      Array{.type = DataType::float32, .shape = {2, 6, 6, 3}, .data = Buffer::of(values)});
  const DatasetPtr data = make_array_dataset(std::move(parts));
  EXPECT_THAT(message_of(ErrorKind::bad_file, [&] { calibrate(small_classifier(), data); }),
              HasSubstr("input image is NaN or infinite in calibration sample 1"));
}

TEST(Calibrate, RefusesDataOfAnotherShape) {
  EXPECT_THAT(message_of(ErrorKind::bad_argument,
                         [&] {
                           calibrate(small_classifier(), random_dataset(2, {5, 6, 3}));
                         }),
              HasSubstr("image"));
}

TEST(Calibrate, StopsWhenToldTo) {
  const CalibrateOptions options{
      .threads = 1, .progress = [](std::string_view, int64_t, int64_t) { return false; }};
  message_of(ErrorKind::io, [&] {
    calibrate(small_classifier(), random_dataset(9, {6, 6, 3}), options);
  });
}

}  // namespace
}  // namespace smelt
