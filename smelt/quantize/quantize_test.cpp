#include "smelt/quantize/quantize.h"

#include <cstdlib>
#include <filesystem>

#include "smelt/formats/keras/keras.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/float_models.h"

namespace smelt {
namespace {

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(Quantize, ResultsStayCloseForEveryInputAndOutputType) {
  const DatasetPtr data = random_dataset(40, {6, 6, 3});
  const Model model = small_classifier();
  const std::vector<float> expected = real_outputs(model, data);
  for (const IoType io : {IoType::int8, IoType::uint8, IoType::float32}) {
    SCOPED_TRACE(name(io));
    const QuantizeResult result = quantize(model, data, {.recipe = {.io = io}});
    EXPECT_LT(largest_difference(expected, real_outputs(result.model, data)), 0.02f);
    EXPECT_EQ(result.model.main().tensor(result.model.main().inputs()[0]).type,
              *data_type_from_name(name(io)));
  }
}

TEST(Quantize, AllInputAndOutputTypesGiveTheSameIntegers) {
  const DatasetPtr data = random_dataset(20, {6, 6, 3});
  const Model model = small_classifier();
  const auto with = [&](IoType io) {
    return real_outputs(quantize(model, data, {.recipe = {.io = io}}).model, data);
  };
  const std::vector<float> int8 = with(IoType::int8);
  EXPECT_EQ(int8, with(IoType::uint8));
  EXPECT_EQ(int8, with(IoType::float32));
}

TEST(Quantize, PerChannelDense) {
  const DatasetPtr data = random_dataset(40, {6, 6, 3});
  const Model model = small_classifier();
  const QuantizeResult result =
      quantize(model, data, {.recipe = {.base = {.granularity = Granularity::per_channel}}});
  EXPECT_LT(largest_difference(real_outputs(model, data), real_outputs(result.model, data)), 0.02f);
}

TEST(Quantize, SavedFileIsTheModel) {
  const DatasetPtr data = random_dataset(20, {6, 6, 3});
  const QuantizeResult result = quantize(small_classifier(), data);
  const auto bytes = std::make_shared<std::vector<uint8_t>>(tflite::serialize(result.model));
  const Model loaded = tflite::parse(*bytes, bytes);
  EXPECT_EQ(real_outputs(result.model, data), real_outputs(loaded, data));
}

TEST(Quantize, SameBytesForAnyNumberOfThreads) {
  const DatasetPtr data = random_dataset(64, {6, 6, 3});
  const auto with = [&](int threads) {
    return tflite::serialize(
        quantize(small_classifier(), data, {.calibrate = {.threads = threads}}).model);
  };
  EXPECT_EQ(with(1), with(3));
}

// --- real models

struct RealModel {
  const char* keras;
  const char* converted;  ///< what TFLiteConverter wrote
  Shape input;
};

std::filesystem::path collection() {
  const char* folder = std::getenv("SMELT_MODELS");
  return folder ? std::filesystem::path(folder) / "mlperf_tiny" : std::filesystem::path();
}

std::vector<std::string> op_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const OpId id : graph.ops()) names.emplace_back(name(graph.op(id).type));
  return names;
}

class RealModels : public testing::TestWithParam<RealModel> {};

TEST_P(RealModels, HaveTheConvertersOpsAndStayClose) {
  const auto keras_path = collection() / GetParam().keras;
  const auto converted_path = collection() / GetParam().converted;
  if (!std::filesystem::exists(keras_path) || !std::filesystem::exists(converted_path)) {
    GTEST_SKIP() << "no " << keras_path;
  }
  const Model model = keras::load(keras_path);
  const DatasetPtr data = random_dataset(10, GetParam().input);
  const QuantizeResult result = quantize(model, data);
  const Model converted = tflite::load(converted_path);
  EXPECT_EQ(op_names(result.float_model.main()), op_names(converted.main()));
  const std::vector<float> expected = real_outputs(result.float_model, data);
  const std::vector<float> actual = real_outputs(result.model, data);
  float reach = 0;
  for (const float value : expected) reach = std::max(reach, std::abs(value));
  EXPECT_LT(largest_difference(expected, actual), 0.15f * reach);
}

INSTANTIATE_TEST_SUITE_P(
    MlperfTiny, RealModels,
    testing::Values(RealModel{"pretrainedResnet.h5", "pretrainedResnet.tflite", {32, 32, 3}},
                    RealModel{"vww_96.h5", "vww_96_float.tflite", {96, 96, 3}},
                    RealModel{"ad01.h5", "ad01_fp32.tflite", {640}}),
    [](const auto& model) { return std::filesystem::path(model.param.keras).stem().string(); });

}  // namespace
}  // namespace smelt
