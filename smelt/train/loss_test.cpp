#include "smelt/train/loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/train/keras_numbers.h"
#include "smelt/train/test_value.h"

namespace smelt::train {
namespace {

Loss make_loss(TestValue& value, LossSettings settings, LossForm form) {
  return Loss(std::move(settings), {&value.value, form});
}

Step step_of(int64_t samples, Workers* workers = nullptr) {
  return Step{.samples = samples, .workers = workers};
}

TEST(Loss, IsThatOfKeras) {
  for (const LossCase& c : kLosses) {
    SCOPED_TRACE(testing::Message() << c.loss << " form " << static_cast<int>(c.form));
    TestValue value({1, 3}, c.values);
    const Loss loss =
        make_loss(value, {.kind = loss_kind(c.loss), .label_smoothing = c.label_smoothing}, c.form);
    EXPECT_NEAR(loss.run(step_of(4), {c.targets, c.weights}, LossGradient::write), c.expected,
                1e-6 * std::max(1.0, c.expected));
    for (size_t i = 0; i < value.grad.size(); ++i) {
      EXPECT_NEAR(value.grad[i], c.gradient[i], 1e-6 * std::max(1.0f, std::fabs(c.gradient[i])))
          << i;
    }
  }
}

struct Form {
  LossKind kind;
  LossForm form;
};
constexpr Form kForms[] = {
    {LossKind::sparse_categorical_crossentropy, LossForm::softmax_logits},
    {LossKind::sparse_categorical_crossentropy, LossForm::values},
    {LossKind::categorical_crossentropy, LossForm::softmax_logits},
    {LossKind::categorical_crossentropy, LossForm::values},
    {LossKind::binary_crossentropy, LossForm::sigmoid_logits},
    {LossKind::binary_crossentropy, LossForm::values},
    {LossKind::mse, LossForm::values},
    {LossKind::mae, LossForm::values},
    {LossKind::huber, LossForm::values},
};

TEST(Loss, GradientIsThatOfFiniteDifferences) {
  Random random(41);
  for (const Form& form : kForms) {
    SCOPED_TRACE(testing::Message() << name(form.kind) << static_cast<int>(form.form));
    const int32_t classes = static_cast<int32_t>(2 + random.below(4));
    const bool sparse = form.kind == LossKind::sparse_categorical_crossentropy;
    // Time distributed: 5 samples of 3 positions.
    TestValue value({1, 3, classes}, random_floats(15 * classes, random.next(), 0.1f, 0.9f));
    std::vector<float> targets =
        random_floats(sparse ? 15 : 15 * classes, random.next(), 0.05f, 0.95f);
    if (sparse) {
      for (float& t : targets) t = std::floor(t * static_cast<float>(classes));
    }
    const std::vector<float> weights = random_floats(5, random.next(), 0, 2);
    LossSettings settings{.kind = form.kind, .huber_delta = 0.3};
    if (is_crossentropy(form.kind)) {
      settings.label_smoothing = 0.1;
      settings.class_weights = random_floats(classes, random.next(), 0.5f, 2);
    }
    const Loss loss = make_loss(value, settings, form.form);
    loss.run(step_of(5), {targets, weights}, LossGradient::write, 3);
    for (size_t i = 0; i < value.data.size(); ++i) {
      const float kept = value.data[i];
      const float h = 1e-3f;
      value.data[i] = kept + h;
      const double above = loss.run(step_of(5), {targets, weights}, LossGradient::none);
      value.data[i] = kept - h;
      const double below = loss.run(step_of(5), {targets, weights}, LossGradient::none);
      value.data[i] = kept;
      EXPECT_NEAR(value.grad[i], 3 * (above - below) / (2 * h), 2e-3) << i;
    }
  }
}

TEST(Loss, AddsToAGradientThatIsThere) {
  TestValue value({1, 2}, {0.5f, -1, 2, 0});
  const Loss loss = make_loss(value, {.kind = LossKind::mse}, LossForm::values);
  const std::vector<float> targets = {0, 0, 0, 0};
  loss.run(step_of(2), {targets}, LossGradient::write);
  const std::vector<float> once = value.grad;
  loss.run(step_of(2), {targets}, LossGradient::add, 0.5);
  for (size_t i = 0; i < once.size(); ++i) EXPECT_FLOAT_EQ(value.grad[i], 1.5f * once[i]);
}

TEST(Loss, ClassWeightsMultiplyAndLeaveTheDivisor) {
  TestValue value({1, 2}, {0, 0, 0, 0});
  const Loss loss = make_loss(value, {.class_weights = {1, 3}}, LossForm::softmax_logits);
  const std::vector<float> targets = {0, 1};
  EXPECT_NEAR(loss.run(step_of(2), {targets}, LossGradient::none), 2 * std::log(2.0), 1e-12);
}

TEST(Loss, IsTheSameForEveryNumberOfThreads) {
  TestValue value({1, 10}, random_floats(330, 5, -3, 3));
  std::vector<float> targets(33);
  for (size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<float>(i % 10);
  const Loss loss = make_loss(value, {}, LossForm::softmax_logits);
  const double alone = loss.run(step_of(33), {targets}, LossGradient::write);
  const std::vector<float> gradient = value.grad;
  for (const int threads : {2, 3, 7}) {
    Workers workers(threads);
    EXPECT_EQ(loss.run(step_of(33, &workers), {targets}, LossGradient::write), alone);
    EXPECT_EQ(value.grad, gradient);
  }
}

TEST(Loss, OfSeveralOutputsAddsUp) {
  TestValue a({1, 2}, {1, 2}), b({1}, {3});
  std::vector<OutputLoss> losses;
  losses.push_back({make_loss(a, {.kind = LossKind::mse}, LossForm::values), 2});
  losses.push_back({make_loss(b, {.kind = LossKind::mae}, LossForm::values), 0.5});
  const std::vector<float> zeros = {0, 0}, zero = {0};
  const std::vector<Targets> targets = {{zeros}, {zero}};
  const LossResult result = run_losses(losses, step_of(1), targets, LossGradient::write);
  EXPECT_DOUBLE_EQ(result.outputs[0], 2.5);
  EXPECT_DOUBLE_EQ(result.outputs[1], 3);
  EXPECT_DOUBLE_EQ(result.total, 6.5);
  EXPECT_FLOAT_EQ(a.grad[1], 4);
  EXPECT_FLOAT_EQ(b.grad[0], 0.5f);
}

TEST(Loss, RefusesWhatDoesNotFit) {
  TestValue value({1, 3}, {0, 0, 0}), single({1, 1}, {0});
  const Loss loss = make_loss(value, {}, LossForm::softmax_logits);
  for (const float label : {-1.0f, 3.0f, 0.5f, NAN, INFINITY}) {
    const std::vector<float> targets = {label};
    EXPECT_THROW(loss.run(step_of(1), {targets}, LossGradient::none), Error) << label;
  }
  EXPECT_THROW(loss.run(step_of(1), {}, LossGradient::none), Error);
  EXPECT_THROW(make_loss(value, {.label_smoothing = 1}, LossForm::values), Error);
  EXPECT_THROW(make_loss(value, {.kind = LossKind::mse, .label_smoothing = 0.1}, LossForm::values),
               Error);
  EXPECT_THROW(make_loss(value, {.class_weights = {1, 2}}, LossForm::values), Error);
  EXPECT_THROW(make_loss(single, {}, LossForm::values), Error);
  EXPECT_THROW(loss_kind("crossentropy"), Error);
  EXPECT_EQ(loss_kind("mean_squared_error"), LossKind::mse);
  EXPECT_EQ(name(LossKind::mse), "mse");
}

}  // namespace
}  // namespace smelt::train
