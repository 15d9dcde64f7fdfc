#include "smelt/train/distill.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/ir/builder.h"
#include "smelt/train/test_value.h"

namespace smelt::train {
namespace {

/// x [1,4] -> dense "hidden" [1,units] -> relu -> dense [1,3] -> `last` (none: logits).
Model mlp(int32_t units, OpType last, uint64_t seed) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 4});
  const TensorId w = b.constant<float>("hidden/kernel", {units, 4}, random_floats(units * 4, seed));
  const TensorId v =
      b.constant<float>("top/kernel", {3, units}, random_floats(units * 3, seed + 1));
  const TensorId h = b.op(OpType::fully_connected, {x, w, TensorId::none},
                          FullyConnectedAttributes{}, "hidden", DataType::float32, {1, units});
  const TensorId r = b.op(OpType::relu, {h}, NoAttributes{}, "act", DataType::float32, {1, units});
  TensorId y = b.op(OpType::fully_connected, {r, v, TensorId::none}, FullyConnectedAttributes{},
                    "top", DataType::float32, {1, 3});
  if (last == OpType::softmax) {
    y = b.op(last, {y}, SoftmaxAttributes{}, "p", DataType::float32, {1, 3});
  } else if (last == OpType::logistic) {
    y = b.op(last, {y}, NoAttributes{}, "p", DataType::float32, {1, 3});
  }
  b.output(y);
  return std::move(b).build_model();
}

struct Pair {
  Model student, teacher;
  DistillSettings settings;
  ModuleOptions options{.max_samples = 7, .threads = 2};
  std::unique_ptr<Module> module;
  std::vector<OutputLoss> losses;
  std::unique_ptr<Distillation> distill;
  Workers workers{2};
  Step step{.samples = 5, .workers = &workers};

  Pair(OpType last, OpType teacher_last, LossKind kind, DistillSettings wanted = {})
      : student(mlp(6, last, 3)), teacher(mlp(6, teacher_last, 9)), settings(std::move(wanted)) {
    options.features = student_features(student, settings);
    module = std::make_unique<Module>(student, options);
    const LossSettings loss{.kind = kind, .from_logits = last == OpType::relu};
    losses.push_back({Loss(loss, loss_source(*module, student.main(), 0, loss)), 0.5});
    distill = std::make_unique<Distillation>(student, *module, losses, teacher, settings, options);
    const std::vector<float> x = random_floats(20, 17, -2, 2);
    std::copy(x.begin(), x.end(), module->inputs()[0]->data);
    module->forward(step);
    distill->run_teacher(step);
  }

  /// The gradient of what run() returns, by finite differences of a value's entries.
  void check_gradient(Value& value) {
    const std::vector<float> grad(value.grad, value.grad + 5 * value.size);
    for (int64_t i = 0; i < 5 * value.size; ++i) {
      const float kept = value.data[i], h = 1e-2f;
      value.data[i] = kept + h;
      const double above = distill->run(step, LossGradient::none);
      value.data[i] = kept - h;
      const double below = distill->run(step, LossGradient::none);
      value.data[i] = kept;
      EXPECT_NEAR(grad[static_cast<size_t>(i)], (above - below) / (2 * h), 1e-4) << i;
    }
  }
};

TEST(Distillation, SoftmaxLossIsTheSoftenedDivergence) {
  Pair s(OpType::softmax, OpType::softmax, LossKind::sparse_categorical_crossentropy,
         {.temperature = 3, .alpha = 0.2});
  Value& logits = *s.losses[0].loss.value();
  EXPECT_NE(&logits, s.module->outputs()[0]);
  Module teacher(s.teacher, s.options);
  std::copy_n(s.module->inputs()[0]->data, 20, teacher.inputs()[0]->data);
  teacher.forward(s.step);
  double expected = 0;
  for (int64_t n = 0; n < 5; ++n) {
    const float* t = teacher.logits(0)->sample(n);
    const float* x = logits.sample(n);
    double sum_t = 0, sum_s = 0;
    for (int e = 0; e < 3; ++e) sum_t += std::exp(t[e] / 3.0);
    for (int e = 0; e < 3; ++e) sum_s += std::exp(x[e] / 3.0);
    for (int e = 0; e < 3; ++e) {
      const double p = std::exp(t[e] / 3.0) / sum_t, q = std::exp(x[e] / 3.0) / sum_s;
      expected += p * std::log(p / q) * 9 / 5;
    }
  }
  EXPECT_NEAR(s.distill->run(s.step, LossGradient::write), 0.8 * 0.5 * expected, 1e-6);
  s.check_gradient(logits);
}

TEST(Distillation, SigmoidAndRegressionLossesHaveTheirGradients) {
  Pair sigmoid(OpType::logistic, OpType::logistic, LossKind::binary_crossentropy);
  sigmoid.distill->run(sigmoid.step, LossGradient::write);
  EXPECT_EQ(sigmoid.losses[0].loss.form(), LossForm::sigmoid_logits);
  sigmoid.check_gradient(*sigmoid.losses[0].loss.value());
  Pair regression(OpType::relu, OpType::relu, LossKind::mse);
  regression.distill->run(regression.step, LossGradient::write);
  regression.check_gradient(*regression.losses[0].loss.value());
}

TEST(Distillation, AStudentThatIsItsTeacherHasNothingToLearn) {
  Pair s(OpType::softmax, OpType::softmax, LossKind::sparse_categorical_crossentropy);
  const Distillation same(s.student, *s.module, s.losses, s.student, s.settings, s.options);
  const_cast<Distillation&>(same).run_teacher(s.step);
  EXPECT_NEAR(same.run(s.step, LossGradient::write), 0, 1e-10);
  for (int64_t i = 0; i < 15; ++i) {
    EXPECT_NEAR(s.losses[0].loss.value()->grad[i], 0, 1e-6);
  }
}

TEST(Distillation, FeaturesArePulledTogether) {
  Pair s(OpType::softmax, OpType::softmax, LossKind::sparse_categorical_crossentropy,
         {.alpha = 1, .features = {{"act", "act"}}, .feature_weight = 2});
  ASSERT_EQ(s.distill->seeds().size(), 1u);
  EXPECT_GT(s.distill->run(s.step, LossGradient::write), 0);
  s.check_gradient(*s.distill->seeds()[0]);
}

TEST(Distillation, RefusesWhatDoesNotFit) {
  Pair s(OpType::softmax, OpType::softmax, LossKind::sparse_categorical_crossentropy);
  const auto make = [&](const Model& teacher, DistillSettings settings) {
    Distillation(s.student, *s.module, s.losses, teacher, settings, s.options);
  };
  EXPECT_THROW(make(s.teacher, {.temperature = 0}), Error);
  EXPECT_THROW(make(s.teacher, {.alpha = 2}), Error);
  EXPECT_THROW(make(s.teacher, {.features = {{"act", "nowhere"}}}), Error);
  // Not asked for when the module was made.
  EXPECT_THROW(make(mlp(8, OpType::softmax, 1), {.features = {{"act", "act"}}}), Error);
  EXPECT_THROW(student_features(s.student, {.features = {{"nowhere", "act"}}}), Error);
  GraphBuilder b;
  b.output(b.op(OpType::softmax, {b.input("x", DataType::float32, {1, 3})}, SoftmaxAttributes{},
                "y", DataType::float32, {1, 3}));
  EXPECT_THROW(make(std::move(b).build_model(), {}), Error);
}

}  // namespace
}  // namespace smelt::train
