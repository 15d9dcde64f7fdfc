#include "smelt/run/memory_plan.h"

#include <gtest/gtest.h>

#include "smelt/base/random.h"

namespace smelt {
namespace {

TEST(MemoryPlan, LargestFirstThenLowestGap) {
  // a is alive throughout, b and c follow each other, d shares step 1 with both a and b.
  const std::vector<MemoryRequest> requests = {
      {.bytes = 30, .first = 0, .last = 3},
      {.bytes = 100, .first = 0, .last = 1},
      {.bytes = 100, .first = 2, .last = 3},
      {.bytes = 10, .first = 1, .last = 1},
  };
  int64_t total = 0;
  const std::vector<int64_t> offsets = plan_greedily(requests, 16, total);
  EXPECT_EQ(offsets, (std::vector<int64_t>{112, 0, 0, 144}));
  EXPECT_EQ(total, 160);
}

TEST(MemoryPlan, OfEqualBlocksTheLastGoesFirst) {
  const std::vector<MemoryRequest> requests = {{.bytes = 16, .first = 0, .last = 0},
                                               {.bytes = 16, .first = 0, .last = 0}};
  int64_t total = 0;
  EXPECT_EQ(plan_greedily(requests, 16, total), (std::vector<int64_t>{16, 0}));
}

TEST(MemoryPlan, FillsAGap) {
  const std::vector<MemoryRequest> requests = {
      {.bytes = 300, .first = 0, .last = 0},
      {.bytes = 200, .first = 0, .last = 2},  // behind the first
      {.bytes = 250, .first = 1, .last = 2},  // where the first was
  };
  int64_t total = 0;
  EXPECT_EQ(plan_greedily(requests, 1, total), (std::vector<int64_t>{0, 300, 0}));
  EXPECT_EQ(total, 500);
}

TEST(MemoryPlan, NothingAliveTogetherOverlaps) {
  Random random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<MemoryRequest> requests;
    for (int i = 0; i < 40; ++i) {
      const int first = static_cast<int>(random.below(20));
      requests.push_back({.bytes = static_cast<int64_t>(random.below(1000)),
                          .first = first,
                          .last = first + static_cast<int>(random.below(5))});
    }
    int64_t total = 0;
    const std::vector<int64_t> offsets = plan_greedily(requests, 64, total);
    for (size_t a = 0; a < requests.size(); ++a) {
      EXPECT_EQ(offsets[a] % 64, 0);
      EXPECT_LE(offsets[a] + requests[a].bytes, total);
      for (size_t b = 0; b < a; ++b) {
        const bool together =
            requests[a].first <= requests[b].last && requests[b].first <= requests[a].last;
        const bool apart = offsets[a] + requests[a].bytes <= offsets[b] ||
                           offsets[b] + requests[b].bytes <= offsets[a];
        EXPECT_TRUE(!together || apart) << "round " << round;
      }
    }
  }
}

TEST(MemoryPlan, SizesThatOverflowAreRefused) {
  const std::vector<MemoryRequest> requests = {{.bytes = INT64_MAX - 100, .first = 0, .last = 0},
                                               {.bytes = INT64_MAX - 100, .first = 0, .last = 0}};
  int64_t total = 0;
  EXPECT_THROW(plan_greedily(requests, 16, total), Error);
}

}  // namespace
}  // namespace smelt
