#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "smelt/base/random.h"
#include "smelt/compress/channels.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/ops/macs.h"
#include "smelt/run/interpreter.h"

namespace smelt::compress {
namespace {

std::vector<float> run(const Model& model) {
  Interpreter interpreter(Program::prepare(model));
  Random random(5);
  for (float& value : interpreter.input<float>(0)) value = random.uniform(0, 1);
  interpreter.invoke();
  const auto y = interpreter.output<float>(0);
  return {y.begin(), y.end()};
}

class RealModels : public testing::TestWithParam<const char*> {};

/// Half of the channels: what is left computes what zeros in their place compute.
TEST_P(RealModels, ShrinkToWhatZeroedChannelsCompute) {
  const char* folder = std::getenv("SMELT_MODELS");
  const std::filesystem::path path = std::filesystem::path(folder ? folder : "") / GetParam();
  if (folder == nullptr || !std::filesystem::exists(path)) GTEST_SKIP() << path;
  const Model model = path.extension() == ".h5" ? keras::load(path) : tflite::load(path);
  const ChannelSettings settings{.fraction = 0.5, .multiple_of = 4};
  const ShrunkModel small = remove_channels(model, settings);
  const ShrunkModel zeroed = zero_channels(model, settings);
  EXPECT_LT(macs(small.model.main()), macs(model.main()) * 6 / 10);
  const std::vector<float> y = run(small.model), expected = run(zeroed.model);
  ASSERT_EQ(y.size(), expected.size());
  for (size_t i = 0; i < y.size(); ++i) {
    EXPECT_NEAR(y[i], expected[i], 1e-4 * std::max(1.0f, std::fabs(expected[i]))) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(MlperfTiny, RealModels,
                         testing::Values("mlperf_tiny/pretrainedResnet.h5", "mlperf_tiny/vww_96.h5",
                                         "mlperf_tiny/ad01.h5",
                                         "mlperf_tiny/pretrainedResnet.tflite",
                                         "mlperf_tiny/vww_96_float.tflite"));

}  // namespace
}  // namespace smelt::compress
