#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/quantize/value_range.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <algorithm>
#include <cmath>
#include <limits>

#include "hwy/highway.h"
#include "smelt/quantize/value_range.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// v - v is 0 for numbers and NaN for NaN and infinities, and NaN stays in a sum.
ValueRange RangeOf(const float* values, size_t count) {
  const hn::ScalableTag<float> d;
  const size_t n = hn::Lanes(d);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  auto low0 = hn::Set(d, kInfinity);
  auto high0 = hn::Set(d, -kInfinity);
  auto poison0 = hn::Zero(d);
  auto low1 = low0;
  auto high1 = high0;
  auto poison1 = poison0;
  size_t i = 0;
  for (; i + 2 * n <= count; i += 2 * n) {
    const auto a = hn::LoadU(d, values + i);
    const auto b = hn::LoadU(d, values + i + n);
    low0 = hn::Min(low0, a);
    low1 = hn::Min(low1, b);
    high0 = hn::Max(high0, a);
    high1 = hn::Max(high1, b);
    poison0 = hn::Add(poison0, hn::Sub(a, a));
    poison1 = hn::Add(poison1, hn::Sub(b, b));
  }
  float low = hn::GetLane(hn::MinOfLanes(d, hn::Min(low0, low1)));
  float high = hn::GetLane(hn::MaxOfLanes(d, hn::Max(high0, high1)));
  float poison = hn::GetLane(hn::SumOfLanes(d, hn::Add(poison0, poison1)));
  for (; i < count; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
    poison += values[i] - values[i];
  }
  return {low, high, !std::isnan(poison)};
}

void ChannelRanges(const float* values, size_t rows, size_t channels, float* low, float* high) {
  const hn::ScalableTag<float> d;
  const size_t n = hn::Lanes(d);
  size_t c = 0;
  for (; c + n <= channels; c += n) {
    auto least = hn::LoadU(d, low + c);
    auto largest = hn::LoadU(d, high + c);
    for (size_t row = 0; row < rows; ++row) {
      const auto v = hn::LoadU(d, values + row * channels + c);
      least = hn::Min(least, v);
      largest = hn::Max(largest, v);
    }
    hn::StoreU(least, d, low + c);
    hn::StoreU(largest, d, high + c);
  }
  for (; c < channels; ++c) {
    for (size_t row = 0; row < rows; ++row) {
      low[c] = std::min(low[c], values[row * channels + c]);
      high[c] = std::max(high[c], values[row * channels + c]);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(RangeOf);
HWY_EXPORT(ChannelRanges);

ValueRange value_range(const float* values, size_t count) {
  return HWY_DYNAMIC_DISPATCH(RangeOf)(values, count);
}

void channel_ranges(const float* values, size_t rows, size_t channels, float* low, float* high) {
  HWY_DYNAMIC_DISPATCH(ChannelRanges)(values, rows, channels, low, high);
}

}  // namespace smelt
#endif  // HWY_ONCE
