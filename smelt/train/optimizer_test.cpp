#include "smelt/train/optimizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <map>

#include "smelt/base/error.h"
#include "smelt/train/keras_numbers.h"
#include "smelt/train/test_value.h"

namespace smelt::train {
namespace {

using enum OptimizerKind;

const std::map<std::string, OptimizerSettings> kSettings = {
    {"sgd", {.kind = sgd}},
    {"sgd_momentum", {.kind = sgd, .momentum = 0.9}},
    {"sgd_nesterov", {.kind = sgd, .momentum = 0.9, .nesterov = true}},
    {"sgd_decay", {.kind = sgd, .weight_decay = 0.1}},
    {"adam", {.kind = adam}},
    {"adam_epsilon", {.kind = adam, .beta_1 = 0.8, .beta_2 = 0.99, .epsilon = 0.1}},
    {"adam_clipnorm", {.kind = adam, .clip_norm = 0.5}},
    {"sgd_clipnorm", {.kind = sgd, .clip_norm = 0.5}},
    {"sgd_global_clipnorm", {.kind = sgd, .global_clip_norm = 0.5}},
    {"sgd_clipvalue", {.kind = sgd, .clip_value = 0.25}},
    {"adamw", {.kind = adamw}},
    {"rmsprop", {.kind = rmsprop}},
    {"rmsprop_momentum", {.kind = rmsprop, .momentum = 0.9, .rho = 0.8}},
    {"rmsprop_centered", {.kind = rmsprop, .momentum = 0.5, .centered = true, .epsilon = 1e-3}},
};

TEST(Optimizer, IsThatOfKeras) {
  Workers workers(2);
  ASSERT_EQ(kSettings.size(), kOptimized.size());
  for (const auto& [name, settings] : kSettings) {
    SCOPED_TRACE(name);
    Parameter a = test_parameter("a", {2}, {1, 1}), b = test_parameter("b", {4}, {1, 1, 1, 1});
    Optimizer optimizer(settings, {&a, &b});
    const double rate = name == "adam_epsilon" ? 0.01 : default_learning_rate(settings.kind);
    for (int step = 0; step < 10; ++step) {
      for (size_t i = 0; i < 6; ++i) {
        const auto g = static_cast<float>(std::sin(1.0 + static_cast<double>(i) + step * 6));
        (i < 2 ? a.grad[i] : b.grad[i - 2]) = g;
      }
      optimizer.step(workers, rate);
    }
    const std::vector<float>& expected = kOptimized.at(name);
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(i < 2 ? a.data[i] : b.data[i - 2], expected[i], 1e-6) << i;
    }
  }
}

/// Trains a vector towards targets for some steps.
std::vector<float> trained(const OptimizerSettings& settings, int threads, int steps) {
  Workers workers(threads);
  Parameter w = test_parameter("w", {50001}, random_floats(50001, 1));
  const std::vector<float> target = random_floats(50001, 2);
  Optimizer optimizer(settings, {&w});
  for (int step = 0; step < steps; ++step) {
    for (size_t i = 0; i < target.size(); ++i) w.grad[i] = w.data[i] - target[i];
    optimizer.step(workers, 0.01);
  }
  return w.data;
}

TEST(Optimizer, IsTheSameForEveryNumberOfThreads) {
  for (const auto& [name, settings] : kSettings) {
    EXPECT_EQ(trained(settings, 1, 3), trained(settings, 3, 3)) << name;
  }
}

TEST(Optimizer, EntriesDoNotDependOnTheirPlace) {
  Workers workers(1);
  for (const auto& [name, settings] : kSettings) {
    if (settings.clip_norm > 0 || settings.global_clip_norm > 0) continue;
    Parameter w = test_parameter("w", {37}, std::vector<float>(37, 0.3f));
    Optimizer optimizer(settings, {&w});
    for (int step = 0; step < 5; ++step) {
      std::fill(w.grad.begin(), w.grad.end(), 0.1f * static_cast<float>(step) - 0.17f);
      optimizer.step(workers, 0.003);
    }
    for (const float value : w.data) EXPECT_EQ(value, w.data[0]) << name;
  }
}

TEST(Optimizer, ContinuesFromItsState) {
  for (const auto& [name, settings] : kSettings) {
    Workers workers(1);
    const auto run = [&](Optimizer& optimizer, Parameter& w, int from, int to) {
      for (int step = from; step < to; ++step) {
        for (size_t i = 0; i < 3; ++i) w.grad[i] = std::sin(static_cast<float>(step * 3) + i);
        optimizer.step(workers, 0.01);
      }
    };
    Parameter whole = test_parameter("w", {3}, {1, 2, 3}), half = whole;
    Optimizer through(settings, {&whole}), first(settings, {&half});
    run(through, whole, 0, 8);
    run(first, half, 0, 5);
    std::map<std::string, std::vector<float>> saved;
    first.visit_state([&](const std::string& key, std::vector<float>& v) { saved[key] = v; });
    Optimizer second(settings, {&half});
    second.visit_state([&](const std::string& key, std::vector<float>& v) { v = saved.at(key); });
    EXPECT_EQ(second.steps(), 5);
    run(second, half, 5, 8);
    EXPECT_EQ(half.data, whole.data) << name;
  }
}

TEST(Optimizer, LeavesFrozenParametersAlone) {
  Workers workers(1);
  Parameter a = test_parameter("a", {1}, {1}), b = a;
  a.grad[0] = b.grad[0] = 1;
  a.trainable = false;
  Optimizer optimizer({.kind = adamw}, {&a, &b});
  optimizer.step(workers, 0.1);
  EXPECT_EQ(a.data[0], 1);
  EXPECT_NE(b.data[0], 1);
}

TEST(Optimizer, RateFactorsMultiplyTheRate) {
  Workers workers(1);
  Parameter a = test_parameter("a", {1}, {1}), b = a;
  a.grad[0] = b.grad[0] = 1;
  Optimizer optimizer({.kind = sgd}, {&a, &b});
  optimizer.set_rate_factor(1, 0.25);
  optimizer.step(workers, 0.5);
  EXPECT_FLOAT_EQ(a.data[0], 0.5f);
  EXPECT_FLOAT_EQ(b.data[0], 0.875f);
}

TEST(Optimizer, DecaysWhatItIsToldTo) {
  Workers workers(1);
  Parameter kernel = test_parameter("k", {1}, {2}), bias = kernel, range = kernel;
  bias.kind = ParameterKind::bias;
  range.kind = ParameterKind::range;
  for (const bool kernels_only : {false, true}) {
    kernel.data[0] = bias.data[0] = range.data[0] = 2;
    Optimizer optimizer({.kind = sgd, .l2 = 0.25, .decay_kernels_only = kernels_only},
                        {&kernel, &bias, &range});
    optimizer.step(workers, 0.5);
    EXPECT_FLOAT_EQ(kernel.data[0], 1.5f);
    EXPECT_FLOAT_EQ(bias.data[0], kernels_only ? 2.0f : 1.5f);
    EXPECT_FLOAT_EQ(range.data[0], 2);
  }
}

TEST(Optimizer, ClippingLetsNoNumbersThrough) {
  Workers workers(1);
  for (const OptimizerSettings& settings : {OptimizerSettings{.kind = sgd, .global_clip_norm = 1},
                                            OptimizerSettings{.kind = sgd, .clip_value = 1}}) {
    Parameter a = test_parameter("a", {1}, {1});
    a.grad[0] = NAN;
    Optimizer optimizer(settings, {&a});
    optimizer.step(workers, 0.1);
    EXPECT_TRUE(std::isnan(a.data[0]));
  }
}

TEST(Optimizer, RefusesSettingsThatCannotBe) {
  EXPECT_THROW(Optimizer({.momentum = -1}, {}), Error);
  EXPECT_THROW(Optimizer({.nesterov = true}, {}), Error);
  EXPECT_THROW(Optimizer({.clip_norm = 1, .clip_value = 1}, {}), Error);
  EXPECT_THROW(Optimizer({.weight_decay = NAN}, {}), Error);
  EXPECT_THROW(optimizer_kind("lion"), Error);
}

TEST(GradientNorm, IsOfAllParametersThatTrain) {
  Workers workers(2);
  Parameter a = test_parameter("a", {20000}, std::vector<float>(20000)), b = a, c = a;
  std::fill(a.grad.begin(), a.grad.end(), 3.0f);
  std::fill(b.grad.begin(), b.grad.end(), 4.0f);
  std::fill(c.grad.begin(), c.grad.end(), 9.0f);
  c.trainable = false;
  EXPECT_NEAR(gradient_norm(workers, {&a, &b, &c}), 5 * std::sqrt(20000.0), 1e-9);
}

// Run with --gtest_also_run_disabled_tests: milliseconds for the parameters of MobileNetV2.
TEST(Optimizer, DISABLED_Speed) {
  for (const int threads : {1, 2}) {
    Workers workers(threads);
    Parameter w = test_parameter("w", {2200000}, random_floats(2200000, 1));
    w.grad = random_floats(2200000, 2);
    for (const auto& [name, settings] : kSettings) {
      Optimizer optimizer(settings, {&w});
      optimizer.step(workers, 0.001);
      const auto begin = std::chrono::steady_clock::now();
      for (int step = 0; step < 20; ++step) optimizer.step(workers, 0.001);
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begin;
      printf("%d threads %-20s %.2f ms\n", threads, name.c_str(), took.count() / 20);
    }
  }
}

}  // namespace
}  // namespace smelt::train
