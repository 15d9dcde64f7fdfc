// Half floats, random numbers and the parallel loop.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <set>

#include "smelt/base/error.h"
#include "smelt/base/half.h"
#include "smelt/base/parallel.h"
#include "smelt/base/random.h"

namespace smelt {
namespace {

TEST(Half, EveryFiniteValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      ASSERT_EQ(float_to_half(value), half) << bits;
    }
  }
}

TEST(Half, RoundsTiesToEvenAndOverflowsToInfinity) {
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f), 0x3c00);      // halfway to the next: even is 1
  EXPECT_EQ(float_to_half(1.0f + 3 * 0x1p-11f), 0x3c02);  // halfway: even is 1 + 2^-9
  EXPECT_EQ(float_to_half(65519.996f), 0x7bff);           // largest that rounds down
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(0x1p-25f), 0x0000);  // halfway to the least subnormal
  EXPECT_EQ(float_to_half(std::nextafter(0x1p-25f, 1.0f)), 0x0001);
}

TEST(Random, IsTheSameOnEveryMachine) {
  Random random(42);
  EXPECT_EQ(random.next(), 13679457532755275413ull);
  EXPECT_EQ(random.next(), 2949826092126892291ull);
}

TEST(Random, BelowReachesEveryValueAndNoMore) {
  Random random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_LT(*seen.rbegin(), 7u);
}

TEST(ParallelFor, VisitsEveryIndexOnce) {
  std::vector<std::atomic<int>> visits(1000);
  parallel_for(1000, 4, [&](int worker, int64_t i) {
    EXPECT_GE(worker, 0);
    EXPECT_LT(worker, 4);
    ++visits[static_cast<size_t>(i)];
  });
  for (const auto& count : visits) EXPECT_EQ(count, 1);
  parallel_for(0, 4, [](int, int64_t) { FAIL(); });
}

TEST(ParallelFor, RethrowsTheFirstError) {
  EXPECT_THROW(parallel_for(100, 3,
                            [](int, int64_t i) {
                              if (i == 17) fail(ErrorKind::io, "stop");
                            }),
               Error);
}

}  // namespace
}  // namespace smelt
