#include "smelt/compress/clustering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/base/random.h"
#include "smelt/compress/tfmot_numbers.h"

namespace smelt::compress {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::FloatNear;
using testing::Pointwise;

constexpr CentroidInit kInits[] = {CentroidInit::linear, CentroidInit::kmeans_plus_plus,
                                   CentroidInit::density_based, CentroidInit::random};

/// About a normal distribution, some of it exactly 0.
std::vector<float> random_weights(size_t count, uint64_t seed, double zeros) {
  Random random(seed);
  std::vector<float> weights(count);
  for (float& weight : weights) {
    for (int i = 0; i < 12; ++i) weight += random.uniform(-0.5f, 0.5f);
    if (random.uniform() < zeros) weight = 0;
  }
  return weights;
}

std::vector<uint16_t> assigned(const std::vector<float>& weights,
                               const std::vector<float>& centroids) {
  std::vector<uint16_t> clusters(weights.size());
  assign_clusters(weights, centroids, clusters);
  return clusters;
}

TEST(InitialCentroids, AreAtMostAsManyAsAskedForAndInOrder) {
  for (const CentroidInit init : kInits) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      for (const bool keep_zeros : {false, true}) {
        SCOPED_TRACE(testing::Message() << name(init) << " seed " << seed);
        const std::vector<float> weights = random_weights(400, seed, 0.3);
        const CentroidSettings settings{
            .clusters = 16, .init = init, .keep_zeros = keep_zeros, .seed = seed};
        const std::vector<float> centroids = initial_centroids(weights, settings);
        EXPECT_LE(centroids.size(), 16u);
        EXPECT_GE(centroids.size(), 10u);
        EXPECT_TRUE(std::is_sorted(centroids.begin(), centroids.end(), std::less_equal<>()));
        if (keep_zeros) {
          EXPECT_EQ(std::count(centroids.begin(), centroids.end(), 0.0f), 1);
        }
        EXPECT_EQ(initial_centroids(weights, settings), centroids);
      }
    }
  }
}

TEST(InitialCentroids, LinearOnesAreThoseOfTfmot) {
  for (const bool zeros : {false, true}) {
    const std::vector<float>& expected = zeros ? kLinearZerosCentroids : kLinearCentroids;
    EXPECT_THAT(
        initial_centroids(
            kWeights,
            {.clusters = 8, .init = CentroidInit::linear, .keep_zeros = zeros, .kmeans_steps = 0}),
        Pointwise(FloatNear(1e-6f), expected));
  }
}

// tfmot takes the grid point above the one that interpolation finds.
TEST(InitialCentroids, DenseOnesLieWithinAGridStepOfTfmot) {
  const std::vector<float> found = initial_centroids(
      kWeights, {.clusters = 8, .init = CentroidInit::density_based, .kmeans_steps = 0});
  const float step = (2.4317f + 1.9978f + 0.02f) / 29;
  ASSERT_EQ(found.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_LE(found[i], kDensityCentroids[i] + 1e-5f);
    EXPECT_GE(found[i], kDensityCentroids[i] - step - 1e-5f);
  }
}

TEST(InitialCentroids, FewValuesAreTheCentroids) {
  const std::vector<float> weights = {0.5f, -0.0f, 0.5f, 0, -1};
  for (const CentroidInit init : kInits) {
    EXPECT_THAT(initial_centroids(weights, {.clusters = 3, .init = init}),
                ElementsAre(-1, 0, 0.5f));
  }
}

TEST(InitialCentroids, SurviveWhatIsNoNumber) {
  EXPECT_THAT(initial_centroids(std::vector<float>{NAN, INFINITY}, {}), ElementsAre(0));
  EXPECT_THAT(initial_centroids(std::vector<float>{}, {}), ElementsAre(0));
  EXPECT_THAT(initial_centroids(std::vector<float>{1, NAN, 2}, {}), ElementsAre(1, 2));
}

TEST(InitialCentroids, RefusesTooFewClusters) {
  const std::vector<float> weights = {1, 2, 3};
  EXPECT_THROW(initial_centroids(weights, {.clusters = 1}), Error);
  EXPECT_THROW(initial_centroids(weights, {.clusters = 2, .keep_zeros = true}), Error);
  EXPECT_THROW(initial_centroids(weights, {.clusters = 70000}), Error);
  EXPECT_THROW(centroid_init("best"), Error);
}

TEST(AssignClusters, FindsTheNearestWhateverItStartsFrom) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const std::vector<float> weights = random_weights(300, seed, 0.2);
    std::vector<float> centroids = random_weights(2 + random.below(20), seed + 99, 0.3);
    std::vector<uint16_t> start(weights.size());
    for (uint16_t& cluster : start) cluster = static_cast<uint16_t>(random.below(40));
    assign_clusters(weights, centroids, start);
    for (size_t i = 0; i < weights.size(); ++i) {
      const auto nearest = std::min_element(
          centroids.begin(), centroids.end(),
          [&](float a, float b) { return std::fabs(weights[i] - a) < std::fabs(weights[i] - b); });
      ASSERT_EQ(start[i], nearest - centroids.begin()) << weights[i];
    }
  }
}

TEST(AssignClusters, SurvivesWhatIsNoNumber) {
  EXPECT_THAT(assigned({NAN, 1, -INFINITY}, {NAN, 2, 0}), ElementsAre(1, 1, 2));
  EXPECT_THAT(assigned({1}, {NAN, NAN}), ElementsAre(0));
}

TEST(RefineCentroids, LowersTheError) {
  for (const CentroidInit init : kInits) {
    const std::vector<float> weights = random_weights(1000, 5, 0.4);
    std::vector<float> centroids =
        initial_centroids(weights, {.clusters = 9, .init = init, .kmeans_steps = 0});
    double error = refine_centroids(weights, 0, centroids);
    for (int step = 0; step < 5; ++step) {
      const double next = refine_centroids(weights, 1, centroids);
      EXPECT_LE(next, error * (1 + 1e-6));
      error = next;
    }
  }
}

TEST(RefineCentroids, FindsSeparateGroups) {
  std::vector<float> centroids = {0, 1};
  refine_centroids(std::vector<float>{0, 2, 10, 12, 14}, 10, centroids);
  EXPECT_THAT(centroids, ElementsAre(FloatEq(1), FloatEq(12)));
}

}  // namespace
}  // namespace smelt::compress
