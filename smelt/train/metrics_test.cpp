#include "smelt/train/metrics.h"

#include <gtest/gtest.h>

#include "smelt/base/error.h"
#include "smelt/train/test_value.h"

namespace smelt::train {
namespace {

double measured(MetricKind kind, TestValue& value, LossKind loss, LossForm form,
                const std::vector<float>& targets) {
  RunningMean mean;
  measure(kind, Loss({.kind = loss}, {&value.value, form}), {.samples = value.samples()}, {targets},
          mean);
  return mean.value();
}

TEST(Measure, AccuracyFollowsTheLoss) {
  TestValue scores({1, 3}, {0.1f, 0.7f, 0.2f, 0.5f, 0.5f, 0, 0.2f, 0.3f, 0.5f, 1, 0, 0});
  EXPECT_DOUBLE_EQ(measured(MetricKind::accuracy, scores, LossKind::sparse_categorical_crossentropy,
                            LossForm::values, {1, 0, 1, 0}),
                   0.75);
  EXPECT_DOUBLE_EQ(measured(MetricKind::accuracy, scores, LossKind::categorical_crossentropy,
                            LossForm::values, {0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0}),
                   0.75);
  TestValue one({1, 1}, {0.4f, 0.6f, 0.5f, 0.9f});
  EXPECT_DOUBLE_EQ(measured(MetricKind::accuracy, one, LossKind::binary_crossentropy,
                            LossForm::values, {0, 1, 0, 0}),
                   0.75);
  EXPECT_DOUBLE_EQ(measured(MetricKind::accuracy, one, LossKind::binary_crossentropy,
                            LossForm::sigmoid_logits, {1, 1, 1, 0}),
                   0.75);
}

TEST(Measure, DistancesAreOfProbabilities) {
  TestValue logits({1, 2}, {0, 0});
  EXPECT_DOUBLE_EQ(measured(MetricKind::mae, logits, LossKind::sparse_categorical_crossentropy,
                            LossForm::softmax_logits, {1}),
                   0.5);
  EXPECT_DOUBLE_EQ(measured(MetricKind::mse, logits, LossKind::binary_crossentropy,
                            LossForm::sigmoid_logits, {1, 0}),
                   0.25);
  TestValue plain({1, 2}, {1, 3});
  EXPECT_DOUBLE_EQ(measured(MetricKind::mse, plain, LossKind::huber, LossForm::values, {0, 0}), 5);
}

TEST(Measure, GrowsBatchByBatchAndIsTheSameForEveryNumberOfThreads) {
  TestValue value({1, 4}, random_floats(4 * 21, 3));
  const Loss loss({.kind = LossKind::mae}, {&value.value, LossForm::values});
  const std::vector<float> targets = random_floats(4 * 21, 4);
  RunningMean alone, together;
  measure(MetricKind::mae, loss, {.samples = 21}, {targets}, alone);
  Workers workers(3);
  measure(MetricKind::mae, loss, {.samples = 21, .workers = &workers}, {targets}, together);
  EXPECT_EQ(alone.value(), together.value());
  EXPECT_EQ(alone.weight, 21);
  RunningMean twice = alone;
  twice.merge(together);
  EXPECT_DOUBLE_EQ(twice.value(), alone.value());
  EXPECT_EQ(RunningMean().value(), 0);
}

TEST(MetricKind, HasKerasNames) {
  EXPECT_EQ(metric_kind("acc"), MetricKind::accuracy);
  EXPECT_EQ(name(MetricKind::mse), "mse");
  EXPECT_EQ(usual_metric(LossKind::huber), MetricKind::mae);
  EXPECT_THROW(metric_kind("f1"), Error);
}

}  // namespace
}  // namespace smelt::train
