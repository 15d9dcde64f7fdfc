#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "smelt/base/random.h"
#include "smelt/run/interpreter.h"

namespace smelt {

// For the tests of passes.

/// First output of a float graph for inputs drawn by the seed.
inline std::vector<float> run_float(const Graph& graph, uint64_t seed) {
  Model model;
  model.graphs.push_back(graph);
  Interpreter interpreter(Program::prepare(model));
  Random random(seed);
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    for (float& value : interpreter.input<float>(i)) value = random.uniform(-2, 2);
  }
  interpreter.invoke();
  const auto output = interpreter.output<float>(0);
  return {output.begin(), output.end()};
}

/// Both graphs compute the same, up to 1e-5 of the largest value.
inline void expect_same_results(const Graph& before, const Graph& after) {
  const std::vector<float> expected = run_float(before, 7);
  const std::vector<float> actual = run_float(after, 7);
  ASSERT_EQ(expected.size(), actual.size());
  float largest = 1;
  for (const float value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(expected[i], actual[i], 1e-5 * largest) << "value " << i;
  }
}

/// Deterministic weights.
inline std::vector<float> random_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

}  // namespace smelt
