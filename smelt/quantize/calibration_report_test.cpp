#include "smelt/quantize/calibration_report.h"

#include <cmath>

#include "smelt/passes/pipeline.h"
#include "smelt/quantize/calibrate.h"
#include "smelt/quantize/float_models.h"

namespace smelt {
namespace {

using testing::HasSubstr;

/// [count, 16, 16, 3] values f(sample, y, x) for all channels.
template <class F>
DatasetPtr dataset_of(int32_t count, F&& f) {
  std::vector<float> values;
  for (int32_t n = 0; n < count; ++n) {
    for (int i = 0; i < 16 * 16 * 3; ++i) values.push_back(f(n, i / 48, i / 3 % 16));
  }
  ArrayDatasetParts parts{.name = "made up"};
  parts.inputs.emplace_back(
      Array{.type = DataType::float32, .shape = {count, 16, 16, 3}, .data = Buffer::of(values)});
  return make_array_dataset(std::move(parts));
}

/// Soft waves of random place and strength in 0..1.
DatasetPtr pictures(int32_t count, float contrast = 1) {
  Random random(7);
  std::vector<float> phase;
  for (int32_t i = 0; i < count; ++i) phase.push_back(random.uniform(0.0f, 6.0f));
  return dataset_of(count, [=](int32_t n, int y, int x) {
    const double wave = std::sin(phase[static_cast<size_t>(n)] + 0.3 * x + 0.2 * y);
    return static_cast<float>(0.5 + 0.5 * wave) * contrast;
  });
}

/// One convolution with batch normalization and ReLU. Channel 1 is always 0, channel 2 is
/// `loudness` times as large as the others.
Model normalized_model(float loudness = 1) {
  GraphBuilder b;
  const TensorId x = b.input("image", DataType::float32, {1, 16, 16, 3});
  const TensorId w = b.constant<float>("conv/w", {8, 1, 1, 3}, std::vector<float>(24, 1.0f));
  const TensorId conv =
      b.op(OpType::conv_2d, {x, w}, Conv2DAttributes{}, "conv", DataType::float32, {1, 16, 16, 8});
  std::vector<float> gamma(8, 1.0f), beta(8, 0.5f), mean(8, 1.5f), variance(8, 1.0f);
  beta[1] = -100;
  gamma[2] = loudness;
  const TensorId normalized =
      b.op(OpType::batch_normalization,
           {conv, b.constant<float>("gamma", {8}, gamma), b.constant<float>("beta", {8}, beta),
            b.constant<float>("mean", {8}, mean), b.constant<float>("variance", {8}, variance)},
           BatchNormalizationAttributes{}, "bn", DataType::float32, {1, 16, 16, 8});
  b.output(
      b.op(OpType::relu, {normalized}, NoAttributes{}, "relu", DataType::float32, {1, 16, 16, 8}));
  return std::move(b).build_model();
}

struct Judged {
  CalibrationReport report;
  /// Texts of the warnings of that kind.
  std::vector<std::string> of(std::string_view kind) const {
    std::vector<std::string> texts;
    for (const CalibrationWarning& warning : report.warnings) {
      if (warning.kind == kind) texts.push_back(warning.text);
    }
    return texts;
  }
};

Judged judge(Model model, const DatasetPtr& data, CalibrationContext context = {}) {
  context.trained = trained_scales(model);
  run_pipeline(model, inference_pipeline());
  return {report_calibration(model, calibrate(model, data, {.channels = true}), context)};
}

TEST(CalibrationReport, IsSilentAboutGoodData) {
  const Judged judged = judge(normalized_model(), pictures(60), {.declared_range = Range{0, 1}});
  for (const char* kind :
       {"samples", "constant", "random", "range", "scale", "drift", "outliers"}) {
    EXPECT_THAT(judged.of(kind), testing::IsEmpty()) << kind;
  }
  EXPECT_THAT(judged.report.verdict, HasSubstr("they are enough"));
}

TEST(CalibrationReport, CoverageGrowsToOne) {
  const Judged judged = judge(normalized_model(), pictures(60));
  const auto& curve = judged.report.convergence;
  ASSERT_GE(curve.size(), 6u);
  EXPECT_EQ(curve.front().samples, 1);
  EXPECT_EQ(curve.back().samples, 60);
  EXPECT_EQ(curve.back().share, 1);
  for (const auto& [samples, share] : curve) {
    EXPECT_GT(share, 0) << samples;
    EXPECT_LE(share, 1) << samples;
  }
  const DatasetPtr growing =
      dataset_of(40, [](int32_t n, int, int x) { return static_cast<float>(x * (n == 37)); });
  const Judged sparse = judge(normalized_model(), growing);
  EXPECT_THAT(sparse.of("samples"), testing::SizeIs(1));
}

TEST(CalibrationReport, NoiseAndConstants) {
  Random random(3);
  const DatasetPtr noise =
      dataset_of(20, [&](int32_t, int, int) { return random.uniform(0.0f, 1.0f); });
  EXPECT_THAT(judge(normalized_model(), noise).of("random"),
              testing::ElementsAre(HasSubstr("image looks like noise")));
  const DatasetPtr grey = dataset_of(20, [](int32_t, int, int) { return 0.25f; });
  EXPECT_THAT(judge(normalized_model(), grey).of("constant"),
              testing::ElementsAre(HasSubstr("are 0.25 throughout")));
  const DatasetPtr some =
      dataset_of(20, [](int32_t n, int, int x) { return static_cast<float>(n < 3 ? 0 : x) / 16; });
  EXPECT_THAT(judge(normalized_model(), some).of("constant"),
              testing::ElementsAre(HasSubstr("3 of 20 calibration samples")));
}

TEST(CalibrationReport, InputsScaledOtherwiseThanInTraining) {
  EXPECT_THAT(judge(normalized_model(), pictures(30, 255)).of("scale"),
              testing::ElementsAre(HasSubstr("results of bn are")));
  const CalibrationContext unit{.declared_range = Range{0, 1}};
  EXPECT_THAT(judge(normalized_model(), pictures(30, 255), unit).of("range"),
              testing::ElementsAre(HasSubstr("beyond the range 0..1")));
  EXPECT_THAT(judge(normalized_model(), pictures(30, 1.0f / 255), unit).of("range"),
              testing::ElementsAre(HasSubstr("may have been scaled already")));
}

TEST(CalibrationReport, DriftFromTheEvaluationData) {
  const Model model = normalized_model();
  const TensorId image = model.main().inputs()[0];
  const auto evaluated_on = [&](const DatasetPtr& data) {
    return CalibrationContext{.evaluated = input_stats(model, data, 20)};
  };
  EXPECT_EQ(evaluated_on(pictures(9)).evaluated.at(image).histogram.count(), 9 * 768);
  EXPECT_THAT(judge(model, pictures(30), evaluated_on(pictures(40))).of("drift"),
              testing::IsEmpty());
  EXPECT_THAT(judge(model, pictures(30), evaluated_on(pictures(40, 255))).of("drift"),
              testing::ElementsAre(HasSubstr("image is unlike the evaluation data")));
}

TEST(CalibrationReport, DeadAndOutlierChannels) {
  const Judged judged = judge(normalized_model(100), pictures(30));
  EXPECT_THAT(judged.of("dead"), testing::ElementsAre(HasSubstr("1 of 8 channels")));
  EXPECT_THAT(judged.of("outliers"), testing::ElementsAre(HasSubstr("channel 2 of")));
}

TEST(TrainedScales, AreThoseOfClampedNormalValues) {
  const std::vector<TrainedScale> scales = trained_scales(normalized_model());
  ASSERT_EQ(scales.size(), 1u);
  EXPECT_EQ(scales[0].layer, "bn");
  // E[max(0, 0.5 + z)^2] = 1.25 * Phi(0.5) + 0.5 * phi(0.5) for seven channels, 0 for one.
  EXPECT_NEAR(scales[0].rms, std::sqrt((1.25 * 0.691462 + 0.5 * 0.352065) * 7 / 8), 1e-3);
}

TEST(CalibrationReport, AsJson) {
  const nlohmann::json json = to_json(judge(normalized_model(100), pictures(30)).report);
  EXPECT_EQ(json["samples"], 30);
  EXPECT_EQ(json["convergence"].back()["share"], 1);
  EXPECT_EQ(json["warnings"][0].contains("kind"), true);
}

}  // namespace
}  // namespace smelt
