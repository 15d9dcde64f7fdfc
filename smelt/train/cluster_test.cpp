#include "smelt/train/cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "smelt/base/error.h"
#include "smelt/train/optimizer.h"
#include "smelt/train/prune.h"
#include "smelt/train/test_kernels.h"

namespace smelt::train {
namespace {

size_t unique(const std::vector<float>& values) {
  return std::set<float>(values.begin(), values.end()).size();
}

void train(Clustering& clustering, Optimizer& optimizer, const std::vector<Parameter*>& parameters,
           int from, int to) {
  Workers workers(2);
  for (int step = from; step < to; ++step) {
    clustering.before_forward(step);
    for (Parameter* parameter : parameters) {
      parameter->grad = random_floats(parameter->size(), static_cast<uint64_t>(step) + 1);
    }
    clustering.after_backward(step);
    optimizer.step(workers, 0.01);
    clustering.after_update(step);
  }
}

TEST(Clustering, HoldsAtMostAsManyValuesAsAsked) {
  for (const bool per_channel : {false, true}) {
    TestKernels model(1);
    Clustering clustering(model.graph, model.all(),
                          {.centroids = {.clusters = 8}, .per_channel = per_channel});
    Optimizer optimizer({}, clustering.trained(model.all()));
    train(clustering, optimizer, model.all(), 0, 20);
    EXPECT_LE(unique(model.dense.data), 8u);
    EXPECT_EQ(unique(model.depthwise.data), 54u);
    if (!per_channel) {
      EXPECT_LE(unique(model.conv.data), 8u);
    }
    for (size_t row = 0; row < 6; ++row) {
      EXPECT_LE(unique({&model.conv.data[row * 27], &model.conv.data[row * 27] + 27}), 8u);
    }
    clustering.report([](const std::string& name, double values) {
      EXPECT_LE(values, 8) << name;
      EXPECT_GT(values, 4) << name;
    });
  }
}

/// One step of tfmot's rule in plain code: centroids by the sum (or mean) of their weights'
/// gradients, original weights by their own, then the nearest centroid.
TEST(Clustering, TrainsAsTfmot) {
  for (const auto aggregation : {GradientAggregation::sum, GradientAggregation::average}) {
    TestKernels model(2);
    Clustering clustering(model.graph, {&model.dense},
                          {.centroids = {.clusters = 5}, .aggregation = aggregation});
    std::vector<float> original = TestKernels(2).dense.data;
    std::set<float> values(model.dense.data.begin(), model.dense.data.end());
    std::vector<float> centroids(values.begin(), values.end());
    Optimizer optimizer({.kind = OptimizerKind::sgd}, clustering.trained({&model.dense}));
    for (int step = 0; step < 10; ++step) {
      model.dense.grad = random_floats(480, static_cast<uint64_t>(step) + 50, -1, 2);
      const auto nearest = [&](float w) {
        return static_cast<size_t>(
            std::min_element(centroids.begin(), centroids.end(),
                             [&](float a, float b) { return std::abs(w - a) < std::abs(w - b); }) -
            centroids.begin());
      };
      std::vector<double> sums(5), counts(5);
      for (size_t i = 0; i < 480; ++i) {
        sums[nearest(original[i])] += model.dense.grad[i];
        counts[nearest(original[i])] += 1;
      }
      for (size_t i = 0; i < 480; ++i) original[i] -= model.dense.grad[i] * 0.001f;
      for (size_t k = 0; k < 5; ++k) {
        const double g = aggregation == GradientAggregation::sum ? sums[k] : sums[k] / counts[k];
        centroids[k] -= static_cast<float>(g) * 0.001f;
      }
      clustering.after_backward(step);
      Workers workers(1);
      optimizer.step(workers, 0.001);
      clustering.after_update(step);
      for (size_t i = 0; i < 480; ++i) {
        ASSERT_FLOAT_EQ(model.dense.data[i], centroids[nearest(original[i])]) << step;
      }
    }
  }
}

TEST(Clustering, ZerosStay) {
  for (const bool per_channel : {false, true}) {
    TestKernels model(3);
    for (size_t i = 0; i < 162; i += 2) model.conv.data[i] = 0;
    for (size_t i = 0; i < 480; i += 3) model.dense.data[i] = 0;
    const std::vector<float> conv = model.conv.data, dense = model.dense.data;
    Clustering clustering(
        model.graph, model.all(),
        {.centroids = {.clusters = 6, .keep_zeros = true}, .per_channel = per_channel});
    Optimizer optimizer({.weight_decay = 0.1}, clustering.trained(model.all()));
    train(clustering, optimizer, model.all(), 0, 30);
    for (size_t i = 0; i < conv.size(); ++i) {
      ASSERT_EQ(model.conv.data[i] == 0, conv[i] == 0);
    }
    for (size_t i = 0; i < dense.size(); ++i) {
      ASSERT_EQ(model.dense.data[i] == 0, dense[i] == 0);
    }
    EXPECT_LE(unique(model.dense.data), 6u);
  }
}

TEST(Clustering, MayBeginBehindPruning) {
  const auto run = [](TestKernels& model, int stop,
                      std::map<std::string, std::vector<float>>& saved, bool resume) {
    Pruning pruning(model.graph, model.all(),
                    {.schedule = {.final_sparsity = 0.5, .end_step = 4, .frequency = 2}});
    Clustering clustering(model.graph, model.all(),
                          {.centroids = {.clusters = 8, .keep_zeros = true}, .begin_step = 6});
    Optimizer optimizer({.kind = OptimizerKind::sgd}, clustering.trained(model.all()));
    const auto visit_all = [&](const StateVisitor& visit) {
      pruning.visit_state(visit);
      clustering.visit_state(visit);
      for (Parameter* parameter : model.all()) visit(parameter->name, parameter->data);
    };
    if (resume) {
      visit_all([&](const std::string& key, std::vector<float>& v) { v = saved.at(key); });
    }
    Workers workers(1);
    for (int step = resume ? 9 : 0; step < stop; ++step) {
      pruning.before_forward(step);
      clustering.before_forward(step);
      for (Parameter* parameter : model.all()) {
        parameter->grad = random_floats(parameter->size(), static_cast<uint64_t>(step) + 1);
      }
      pruning.after_backward(step);
      clustering.after_backward(step);
      optimizer.step(workers, 0.01);
      pruning.after_update(step);
      clustering.after_update(step);
      if (step >= 4) {
        EXPECT_EQ(std::count(model.dense.data.begin(), model.dense.data.end(), 0.0f), 240) << step;
      }
      EXPECT_EQ(unique(model.dense.data) <= 8, step >= 6) << step;
    }
    visit_all([&](const std::string& key, std::vector<float>& v) { saved[key] = v; });
  };
  TestKernels whole(9), half(9), rest(9);
  std::map<std::string, std::vector<float>> to_end, stopped;
  run(whole, 12, to_end, false);
  run(half, 9, stopped, false);
  run(rest, 12, stopped, true);
  EXPECT_EQ(stopped, to_end);
}

TEST(Clustering, KeepsTheClustersOfAModel) {
  TestKernels model(4);
  for (float& w : model.dense.data) w = std::round(w * 3) / 3;
  const std::vector<float> before = model.dense.data;
  Clustering clustering(model.graph, {&model.dense}, {.keep = true, .reassign = false});
  EXPECT_EQ(model.dense.data, before);
  const auto trained = clustering.trained({&model.dense});
  ASSERT_EQ(trained.size(), 1u);
  EXPECT_EQ(trained[0]->name, "dense/kernel/centroids");
  Optimizer optimizer({}, trained);
  train(clustering, optimizer, {&model.dense}, 0, 10);
  EXPECT_NE(model.dense.data, before);
  for (size_t i = 0; i < 480; ++i) {
    for (size_t k = 0; k < i; ++k) {
      ASSERT_EQ(model.dense.data[i] == model.dense.data[k], before[i] == before[k]);
    }
  }
}

TEST(Clustering, IsTheSameForEveryNumberOfThreads) {
  TestKernels model(5), other(5);
  Workers workers(3);
  Clustering alone(model.graph, model.all(), {.depthwise = true});
  Clustering together(other.graph, other.all(), {.depthwise = true}, &workers);
  Optimizer first({}, alone.trained(model.all())), second({}, together.trained(other.all()));
  train(alone, first, model.all(), 0, 10);
  train(together, second, other.all(), 0, 10);
  EXPECT_EQ(model.conv.data, other.conv.data);
  EXPECT_EQ(model.dense.data, other.dense.data);
  EXPECT_EQ(model.depthwise.data, other.depthwise.data);
}

TEST(Clustering, ContinuesFromItsState) {
  const ClusterSettings settings{.centroids = {.clusters = 4, .keep_zeros = true},
                                 .per_channel = true};
  TestKernels model(6), other(6);
  Clustering whole(model.graph, model.all(), settings), half(other.graph, other.all(), settings);
  Optimizer first({.kind = OptimizerKind::sgd}, whole.trained(model.all()));
  train(whole, first, model.all(), 0, 5);
  std::map<std::string, std::vector<float>> saved;
  whole.visit_state([&](const std::string& key, std::vector<float>& v) { saved[key] = v; });
  half.visit_state([&](const std::string& key, std::vector<float>& v) { v = saved.at(key); });
  for (size_t i = 0; i < 4; ++i) other.all()[i]->data = model.all()[i]->data;
  Optimizer second({.kind = OptimizerKind::sgd}, half.trained(other.all()));
  train(whole, first, model.all(), 5, 10);
  train(half, second, other.all(), 5, 10);
  EXPECT_EQ(model.conv.data, other.conv.data);
  EXPECT_EQ(model.dense.data, other.dense.data);
}

TEST(Clustering, RefusesWhatCannotBe) {
  TestKernels model(7);
  const auto make = [&](ClusterSettings settings) {
    Clustering(model.graph, model.all(), settings);
  };
  EXPECT_THROW(make({.centroids = {.clusters = 1}}), Error);
  EXPECT_THROW(make({.skip = {"conv9*"}}), Error);
  EXPECT_THROW(make({.skip = {"*"}}), Error);
  TestKernels skipped(8);
  Clustering clustering(skipped.graph, skipped.all(), {.skip = {"conv"}});
  EXPECT_EQ(skipped.conv.data, TestKernels(8).conv.data);
}

}  // namespace
}  // namespace smelt::train
