#include "smelt/train/prune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "smelt/base/error.h"
#include "smelt/train/optimizer.h"
#include "smelt/train/test_kernels.h"

namespace smelt::train {
namespace {

int64_t zeros(const Parameter& parameter) {
  return std::count(parameter.data.begin(), parameter.data.end(), 0.0f);
}

/// Steps of an optimizer with gradients that would move every weight.
void train(Constraint& constraint, const std::vector<Parameter*>& parameters, int from, int to) {
  Workers workers(1);
  Optimizer optimizer({.kind = OptimizerKind::sgd, .momentum = 0.9}, parameters);
  for (int step = from; step < to; ++step) {
    constraint.before_forward(step);
    for (Parameter* parameter : parameters) {
      parameter->grad = random_floats(parameter->size(), static_cast<uint64_t>(step) + 1);
    }
    constraint.after_backward(step);
    optimizer.step(workers, 0.1);
    constraint.after_update(step);
  }
}

TEST(Pruning, FollowsItsScheduleExactly) {
  TestKernels model(1);
  PruneSettings settings{.schedule = {.polynomial = true,
                                      .initial_sparsity = 0.2,
                                      .final_sparsity = 0.8,
                                      .begin_step = 2,
                                      .end_step = 12,
                                      .frequency = 5}};
  Pruning pruning(model.graph, model.all(), settings);
  for (int step = 0; step < 20; ++step) {
    train(pruning, model.all(), step, step + 1);
    const int last = step < 2 ? -1 : step < 7 ? 2 : step < 12 ? 7 : 12;
    const double sparsity = last < 0 ? 0 : settings.schedule.sparsity(last);
    EXPECT_EQ(zeros(model.conv), compress::pruned_count(162, sparsity)) << step;
    EXPECT_EQ(zeros(model.dense), compress::pruned_count(480, sparsity)) << step;
    EXPECT_EQ(zeros(model.depthwise), 0);
    EXPECT_EQ(zeros(model.bias), 0);
  }
  std::map<std::string, double> report;
  pruning.report([&](const std::string& name, double value) { report[name] = value; });
  EXPECT_DOUBLE_EQ(report.at("sparsity/dense/kernel"), 0.8);
  EXPECT_EQ(report.count("sparsity/all"), 1u);
}

TEST(Pruning, PrunedWeightsStayAndTheirGradientsVanish) {
  TestKernels model(2);
  Pruning pruning(model.graph, model.all(), {.schedule = {.final_sparsity = 0.5}});
  train(pruning, model.all(), 0, 1);
  const std::vector<float> before = model.conv.data;
  train(pruning, model.all(), 1, 90);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(model.conv.data[i] == 0, before[i] == 0);
    if (before[i] == 0) {
      EXPECT_EQ(model.conv.grad[i], 0);
    }
  }
}

TEST(Pruning, LayersMayHaveTheirOwnSparsity) {
  TestKernels model(3);
  Pruning pruning(model.graph, model.all(),
                  {.schedule = {.final_sparsity = 0.5},
                   .overrides = {{"conv", 0.9}, {"d?nse/*", 0}},
                   .depthwise = true});
  train(pruning, model.all(), 0, 3);
  EXPECT_EQ(zeros(model.conv), compress::pruned_count(162, 0.9));
  EXPECT_EQ(zeros(model.dense), 0);
  EXPECT_EQ(zeros(model.depthwise), 27);
}

TEST(Pruning, OneThresholdOverAllLayers) {
  TestKernels model(4);
  for (float& weight : model.dense.data) weight *= 0.1f;
  Pruning pruning(model.graph, model.all(), {.schedule = {.final_sparsity = 0.5}, .global = true});
  train(pruning, model.all(), 0, 1);
  EXPECT_EQ(zeros(model.conv) + zeros(model.dense), 321);
  EXPECT_GT(zeros(model.dense), 280);
}

TEST(Pruning, TwoOfFourHoldsWhileTraining) {
  TestKernels model(5);
  Pruning pruning(
      model.graph, model.all(),
      {.schedule = {.final_sparsity = 0.1}, .pattern = {.zeros_in_group = 2, .group = 4}});
  train(pruning, model.all(), 0, 5);
  for (size_t i = 0; i < 480; i += 4) {
    EXPECT_EQ(std::count(&model.dense.data[i], &model.dense.data[i] + 4, 0.0f), 2);
  }
  // Three input channels: a group that lacks one.
  for (size_t i = 0; i < 162; i += 3) {
    EXPECT_EQ(std::count(&model.conv.data[i], &model.conv.data[i] + 3, 0.0f), 1);
  }
}

TEST(Pruning, KeepsWhatIsZero) {
  TestKernels model(6);
  for (size_t i = 0; i < 100; ++i) model.conv.data[i] = 0;
  Pruning pruning(model.graph, model.all(), {.keep = true});
  train(pruning, model.all(), 0, 5);
  EXPECT_EQ(zeros(model.conv), 100);
  EXPECT_EQ(zeros(model.dense), 0);
}

TEST(Pruning, ContinuesFromItsState) {
  TestKernels model(7), other(7);
  const PruneSettings settings{.schedule = {.final_sparsity = 0.5}};
  Pruning first(model.graph, model.all(), settings), second(other.graph, other.all(), settings);
  train(first, model.all(), 0, 4);
  std::map<std::string, std::vector<float>> saved;
  first.visit_state([&](const std::string& key, std::vector<float>& v) { saved[key] = v; });
  second.visit_state([&](const std::string& key, std::vector<float>& v) { v = saved.at(key); });
  second.after_update(4);
  for (size_t i = 0; i < model.dense.data.size(); ++i) {
    EXPECT_EQ(model.dense.data[i] == 0, other.dense.data[i] == 0);
  }
}

TEST(Pruning, RefusesWhatCannotBe) {
  TestKernels model(8);
  const auto make = [&](PruneSettings settings) { Pruning(model.graph, model.all(), settings); };
  EXPECT_THROW(make({.overrides = {{"conv9", 0.5}}}), Error);
  EXPECT_THROW(make({.overrides = {{"conv", 1}}}), Error);
  EXPECT_THROW(make({.pattern = {.block_cols = 4}, .global = true}), Error);
  EXPECT_THROW(make({.schedule = {.final_sparsity = 0}}), Error);
  EXPECT_THROW(make({.overrides = {{"*", 0}}}), Error);
}

}  // namespace
}  // namespace smelt::train
