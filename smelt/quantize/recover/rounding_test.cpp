#include "smelt/quantize/recover/rounding.h"

#include <gtest/gtest.h>

#include <cmath>

#include "smelt/base/random.h"
#include "smelt/quantize/recover/linear_algebra.h"

namespace smelt {
namespace {

double normal(Random& random) {
  return random.uniform() + random.uniform() + random.uniform() - 1.5;
}

/// A problem whose operands are correlated, as those of neighbouring pixels are.
LayerProblem random_problem(int64_t size, int64_t outputs, Random& random,
                            std::vector<double>& weights) {
  LayerProblem problem{.size = size};
  const auto n = static_cast<size_t>(size);
  problem.h.assign(n * n, 0);
  for (int64_t patch = 0; patch < 3 * size; ++patch) {
    std::vector<double> x(n);
    const double common = normal(random);
    for (double& value : x) value = common + normal(random);
    for (size_t i = 0; i < n * n; ++i) problem.h[i] += x[i / n] * x[i % n];
  }
  for (size_t i = 0; i < n; ++i) problem.h[i * n + i] += 0.01;
  weights.clear();
  for (int64_t i = 0; i < size * outputs; ++i) weights.push_back(normal(random));
  problem.g.resize(weights.size());
  for (int64_t o = 0; o < outputs; ++o) {
    multiply(problem.h, std::span(weights).subspan(static_cast<size_t>(o) * n, n),
             std::span(problem.g).subspan(static_cast<size_t>(o) * n, n));
  }
  problem.weights = weights;
  return problem;
}

double error_of(const LayerProblem& problem, size_t output, const std::vector<double>& values) {
  std::vector<double> product(values.size());
  multiply(problem.h, values, product);
  double error = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += values[i] * (product[i] - 2 * problem.g[output * values.size() + i]);
  }
  return error;
}

double error_of(const LayerProblem& problem, size_t output, const RoundedChannel& channel,
                double step) {
  std::vector<double> values;
  for (const int8_t q : channel.values) values.push_back(q * step * channel.scale);
  return error_of(problem, output, values);
}

TEST(LinearAlgebra, CholeskySolvesForAnyNumberOfThreads) {
  Random random(5);
  for (const int64_t n : {1, 7, 64, 65, 200}) {
    std::vector<double> weights;
    const LayerProblem problem = random_problem(n, 1, random, weights);
    std::vector<double> l = problem.h, again = problem.h;
    ASSERT_TRUE(cholesky(l, n, 1));
    ASSERT_TRUE(cholesky(again, n, 3));
    EXPECT_EQ(l, again);
    std::vector<double> x = problem.g;
    solve_cholesky(l, n, x);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], weights[i], 1e-8);
  }
}

TEST(LinearAlgebra, CholeskyRefusesWhatIsNotPositive) {
  std::vector<double> a{1, 2, 2, 1};
  EXPECT_FALSE(cholesky(a, 2, 1));
}

TEST(Rounding, EveryWayIsAtLeastAsGoodAsTheNearestIntegers) {
  Random random(17);
  constexpr double kStep = 0.2;
  for (int round = 0; round < 30; ++round) {
    std::vector<double> weights;
    const auto size = static_cast<int64_t>(2 + random.below(40));
    const LayerProblem problem = random_problem(size, 2, random, weights);
    const std::vector<double> steps(weights.size(), kStep);
    const auto rounded = [&](RoundingOptions options) {
      options.limit = 7;
      return round_channels(problem, steps, options);
    };
    const auto nearest = rounded({}), feedback = rounded({.feedback = true}),
               descent = rounded({.descent = true}),
               both = rounded({.feedback = true, .descent = true}),
               scaled = rounded({.feedback = true, .descent = true, .free_scale = true});
    for (size_t o = 0; o < 2; ++o) {
      const double plain = error_of(problem, o, nearest[o], kStep);
      EXPECT_LE(error_of(problem, o, feedback[o], kStep), plain + 1e-9);
      EXPECT_LE(error_of(problem, o, descent[o], kStep), plain + 1e-9);
      EXPECT_LE(error_of(problem, o, both[o], kStep),
                error_of(problem, o, feedback[o], kStep) + 1e-9);
      for (const auto& channels : {nearest, feedback, descent, both, scaled}) {
        for (const int8_t q : channels[o].values) EXPECT_LE(std::abs(q), 7);
      }
    }
  }
}

TEST(Rounding, FindsNearlyTheBestOfAllIntegers) {
  Random random(23);
  constexpr double kStep = 0.5;
  double best_sum = 0, found_sum = 0, nearest_sum = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<double> weights;
    const LayerProblem problem = random_problem(5, 1, random, weights);
    const std::vector<double> steps(5, kStep);
    const double least = error_of(problem, 0, weights);
    double best = 1e30;
    for (int code = 0; code < 7 * 7 * 7 * 7 * 7; ++code) {
      std::vector<double> values;
      for (int rest = code, i = 0; i < 5; ++i, rest /= 7) values.push_back((rest % 7 - 3) * kStep);
      best = std::min(best, error_of(problem, 0, values));
    }
    const RoundingOptions options{.feedback = true, .descent = true, .limit = 3};
    const auto found = round_channels(problem, steps, options);
    const auto nearest = round_channels(problem, steps, {.limit = 3});
    best_sum += best - least;
    found_sum += error_of(problem, 0, found[0], kStep) - least;
    nearest_sum += error_of(problem, 0, nearest[0], kStep) - least;
  }
  EXPECT_LT(found_sum, 1.2 * best_sum);
  EXPECT_GT(nearest_sum, 1.5 * best_sum);
}

TEST(Rounding, SameForAnyNumberOfThreads) {
  Random random(29);
  std::vector<double> weights;
  const LayerProblem problem = random_problem(70, 8, random, weights);
  const std::vector<double> steps(weights.size(), 0.2);
  const auto with = [&](int threads) {
    std::vector<int8_t> all;
    for (const auto& channel : round_channels(problem, steps,
                                              {.feedback = true,
                                              .descent = true,
                                              .free_scale = true,
                                              .limit = 7,
                                              .threads = threads})) {
      all.insert(all.end(), channel.values.begin(), channel.values.end());
    }
    return all;
  };
  EXPECT_EQ(with(1), with(4));
}

}  // namespace
}  // namespace smelt
