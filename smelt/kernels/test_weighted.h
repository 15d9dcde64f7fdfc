#pragma once

#include <hwy/targets.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/test_op.h"

namespace smelt {

// What the tests of convolutions, dense layers and pools share.

/// Calls body() once for every instruction set that this machine and this build have.
template <class Body>
void for_each_target(Body&& body) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

/// Calls body(random) with fresh seeds for about 200 ms, at least 20 times; seeds are printed with
/// failures, and the first failure ends it.
template <class Body>
void for_random_cases(uint64_t first_seed, Body&& body) {
  const auto start = std::chrono::steady_clock::now();
  for (uint64_t seed = first_seed;; ++seed) {
    TestRandom random(seed);
    body(random);
    const auto passed = std::chrono::steady_clock::now() - start;
    if (seed >= first_seed + 19 && passed > std::chrono::milliseconds(200)) break;
    if (::testing::Test::HasFailure()) break;
  }
}

/// Equal but for the order of summation: within 1e-5 of the sum of the products' magnitudes.
inline void expect_near(const std::vector<float>& got, const std::vector<double>& expected,
                        const std::vector<double>& magnitude) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], 1e-5 * magnitude[i] + 1e-30) << "at " << i;
  }
}

/// Random per-channel (or per-tensor) weight scales that make int8 results use their range.
inline Quantization weight_scales(TestRandom& random, int64_t channels, bool per_channel, int axis,
                                  float center) {
  Quantization q;
  q.axis = axis;
  for (int64_t i = 0; i < (per_channel ? channels : 1); ++i) {
    q.scale.push_back(center * random.uniform(0.3f, 3.0f));
    q.zero_point.push_back(0);
  }
  return q;
}

/// True where a stored value is what real arithmetic gives, give or take the step that two
/// roundings may cost, and for int16 the error of a 15-bit multiplier.
inline bool stored_right(int64_t stored, double real, IntRange range) {
  const double clamped = std::clamp<double>(real, range.low, range.high);
  const double multiplier_error = range.high > 255 ? std::abs(clamped) / 32768 : 0;
  return std::abs(static_cast<double>(stored) - clamped) <= 1.0 + multiplier_error;
}

}  // namespace smelt
