#include "smelt/train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "smelt/base/error.h"
#include "smelt/train/early_stopping.h"
#include "smelt/train/keras_numbers.h"

namespace smelt::train {
namespace {

using enum ScheduleKind;

ScheduleSettings plateau_settings() {
  return {.kind = plateau,
          .learning_rate = 0.1,
          .factor = 0.5,
          .patience = 2,
          .cooldown = 1,
          .min_learning_rate = 0.02};
}

TEST(Schedule, IsThatOfKeras) {
  const std::map<std::string, ScheduleSettings> settings = {
      {"cosine", {.kind = cosine, .learning_rate = 0.1, .decay_steps = 100}},
      {"cosine_alpha", {.kind = cosine, .learning_rate = 0.1, .decay_steps = 100, .alpha = 0.1}},
      {"cosine_warmup",
       {.kind = cosine,
        .learning_rate = 0.1,
        .warmup_steps = 10,
        .warmup_from = 0.01,
        .decay_steps = 100,
        .alpha = 0.05}},
      {"exponential",
       {.kind = exponential, .learning_rate = 0.1, .decay_steps = 50, .decay_rate = 0.5}},
      {"staircase",
       {.kind = exponential,
        .learning_rate = 0.1,
        .decay_steps = 50,
        .decay_rate = 0.5,
        .staircase = true}},
      {"piecewise", {.kind = piecewise, .boundaries = {10, 100}, .values = {0.1, 0.01, 0.001}}},
  };
  ASSERT_EQ(settings.size(), kSchedules.size());
  for (const auto& [name, rates] : kSchedules) {
    const Schedule schedule(settings.at(name));
    for (size_t i = 0; i < rates.size(); ++i) {
      EXPECT_NEAR(schedule.rate(kScheduleSteps[i]), rates[i], 1e-8) << name << kScheduleSteps[i];
    }
  }
}

TEST(Schedule, StepFallsLikeAStaircase) {
  const Schedule schedule(
      {.kind = step, .learning_rate = 1, .warmup_steps = 2, .decay_steps = 3, .decay_rate = 0.5});
  const std::vector<double> expected = {0, 0.5, 1, 1, 1, 0.5, 0.5, 0.5, 0.25};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ(schedule.rate(static_cast<int64_t>(i)), expected[i]) << i;
  }
}

TEST(Schedule, PlateauIsThatOfKeras) {
  Schedule schedule(plateau_settings());
  for (size_t epoch = 0; epoch < kMetric.size(); ++epoch) {
    schedule.end_epoch(kMetric[epoch]);
    EXPECT_NEAR(schedule.rate(0), kPlateauRates[epoch], 1e-8) << epoch;
  }
}

TEST(Schedule, PlateauContinuesFromItsState) {
  Schedule first(plateau_settings()), second(plateau_settings());
  for (size_t epoch = 0; epoch < 6; ++epoch) first.end_epoch(kMetric[epoch]);
  std::map<std::string, std::vector<float>> saved;
  first.visit_state([&](const std::string& key, std::vector<float>& v) { saved[key] = v; });
  second.visit_state([&](const std::string& key, std::vector<float>& v) { v = saved.at(key); });
  for (size_t epoch = 6; epoch < kMetric.size(); ++epoch) {
    first.end_epoch(kMetric[epoch]);
    second.end_epoch(kMetric[epoch]);
    EXPECT_EQ(first.rate(0), second.rate(0));
  }
}

TEST(Schedule, RefusesSettingsThatCannotBe) {
  EXPECT_THROW(Schedule({.kind = cosine}), Error);
  EXPECT_THROW(Schedule({.learning_rate = NAN}), Error);
  EXPECT_THROW(Schedule({.kind = piecewise, .boundaries = {1}, .values = {1}}), Error);
  EXPECT_THROW(Schedule({.kind = piecewise, .boundaries = {2, 1}, .values = {1, 2, 3}}), Error);
  EXPECT_THROW(Schedule({.kind = plateau, .factor = 1}), Error);
  EXPECT_THROW(schedule_kind("linear"), Error);
}

TEST(EarlyStopping, StopsWhenKerasDoes) {
  for (int patience = 0; patience < 5; ++patience) {
    EarlyStopping stopping({.patience = patience, .min_delta = 1e-3});
    int64_t stopped = -1;
    for (size_t epoch = 0; epoch < kMetric.size() && stopped < 0; ++epoch) {
      if (stopping.end_epoch(static_cast<int64_t>(epoch), kMetric[epoch]).stop) {
        stopped = static_cast<int64_t>(epoch);
      }
    }
    EXPECT_EQ(stopped, kStops[static_cast<size_t>(patience)]) << patience;
  }
}

TEST(EarlyStopping, KnowsTheBestEpoch) {
  EarlyStopping stopping({.patience = 3, .direction = Direction::higher_is_better});
  EXPECT_TRUE(stopping.end_epoch(0, 0.5).improved);
  EXPECT_TRUE(stopping.end_epoch(1, 0.6).improved);
  EXPECT_FALSE(stopping.end_epoch(2, NAN).improved);
  EXPECT_EQ(stopping.best_epoch(), 1);
  EXPECT_EQ(stopping.best(), 0.6);
  EXPECT_EQ(metric_direction("val_accuracy"), Direction::higher_is_better);
  EXPECT_EQ(metric_direction("val_loss"), Direction::lower_is_better);
}

}  // namespace
}  // namespace smelt::train
