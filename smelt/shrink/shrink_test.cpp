#include "smelt/shrink/shrink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/eval/metrics.h"
#include "smelt/quantize/float_models.h"
#include "smelt/run/dataset_inputs.h"
#include "smelt/shrink/mixes.h"

namespace smelt {
namespace {

/// Samples whose labels are what the float model says, so that it is always right.
DatasetPtr labelled_by_the_model(const Model& model, int32_t count) {
  const DatasetPtr plain = random_dataset(count, {6, 6, 3});
  const Shape shape{count, 6, 6, 3};
  const auto values = random_values(static_cast<size_t>(shape.elements()), 11);
  ArrayDatasetParts parts{.name = "labelled"};
  parts.inputs.emplace_back(
      Array{.type = DataType::float32, .shape = shape, .data = Buffer::of(values)});
  std::vector<int32_t> labels(static_cast<size_t>(count));
  run_samples(model, count, {}, SampleLoader(model.main(), *plain),
              [&](int64_t sample, const SampleOutputs& outputs) {
                labels[static_cast<size_t>(sample)] = predicted_class(outputs.values<float>(0));
              });
  parts.answers = {.labels = std::move(labels), .class_count = 5};
  return make_array_dataset(std::move(parts));
}

TEST(Shrink, StopsAtTheFirstRungThatMeetsAllLimits) {
  const Model model = small_classifier();
  const DatasetPtr data = labelled_by_the_model(model, 100);
  const ShrinkResult result =
      shrink(model, data, *data, {.budget = {.max_drop = 1}, .target = Target::tflm});
  ASSERT_TRUE(result.chosen);
  EXPECT_EQ(*result.chosen, 0u);
  EXPECT_EQ(result.attempts.size(), 1u);
  EXPECT_EQ(*result.baseline.accuracy, 1);
  EXPECT_TRUE(result.attempts[0].pareto);
  EXPECT_TRUE(result.attempts[0].missed.empty());
  EXPECT_FALSE(result.micro.resolver_calls.empty());
}

TEST(Shrink, TellsWhichLimitNothingMeets) {
  const Model model = small_classifier();
  const DatasetPtr data = labelled_by_the_model(model, 50);
  const ShrinkResult result = shrink(model, data, *data, {.budget = {.flash = 100}});
  EXPECT_FALSE(result.chosen);
  for (const Attempt& attempt : result.attempts) {
    EXPECT_EQ(attempt.missed.front(), Limit::flash) << attempt.rung.name;
  }
  const Attempt& closest = result.attempts[result.closest];
  EXPECT_TRUE(closest.evaluation);  // what the smallest would lose is told all the same
  EXPECT_EQ(closest.bytes, result.attempts.front().bytes);
}

TEST(Shrink, ExactlyFloatIsTheLastResort) {
  const Model model = small_classifier();
  const DatasetPtr data = labelled_by_the_model(model, 200);
  const ShrinkResult result = shrink(model, data, *data, {.budget = {.max_drop = -0.0}});
  ASSERT_TRUE(result.chosen);
  EXPECT_LE(result.attempts[*result.chosen].drop, 0);
}

TEST(Int4Mixes, GiveBackTheWorstLayersFirst) {
  const Model model = small_classifier();
  const Graph& graph = model.main();
  const std::vector<OpId> ops = graph.ops();
  const Recipe int4 = scheme("int4");
  const std::vector<Rung> rungs =
      int4_mixes(graph, int4,
                 {{ops[0], 1.0, 100}, {ops[1], 5.0, 100}, {ops[2], 0.1, 100}, {ops[3], 3.0, 100}});
  ASSERT_EQ(rungs.size(), 3u);
  EXPECT_EQ(rungs[0].name, "3 ops int4, 1 int8 + recovery");
  EXPECT_EQ(config_of(rungs[0].recipe, graph, ops[1]).weight_bits, 8);
  EXPECT_EQ(config_of(rungs[0].recipe, graph, ops[3]).weight_bits, 4);
  EXPECT_EQ(config_of(rungs[1].recipe, graph, ops[3]).weight_bits, 8);
  EXPECT_EQ(config_of(rungs[2].recipe, graph, ops[2]).weight_bits, 4);
}

}  // namespace
}  // namespace smelt
