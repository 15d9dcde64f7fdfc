#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/quantize/debug/elementwise.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <algorithm>
#include <cmath>

#include "hwy/highway.h"
#include "smelt/quantize/debug/elementwise.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Far outside of every integer type, where int32 still holds it.
constexpr float kFar = 0x1p20f;

void QuantizeInt8(const float* values, size_t count, float scale, int32_t zero, int8_t* stored) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> di;
  const hn::Rebind<int8_t, decltype(df)> d8;
  const size_t n = hn::Lanes(df);
  const auto half = hn::Set(df, 0.5f);
  size_t i = 0;
  for (; i + n <= count; i += n) {
    const auto steps = hn::Clamp(hn::Div(hn::LoadU(df, values + i), hn::Set(df, scale)),
                                 hn::Set(df, -kFar), hn::Set(df, kFar));
    // Cutting off what was moved by a half rounds half away from zero.
    const auto moved = hn::Add(steps, hn::CopySign(half, steps));
    const auto shifted = hn::Add(hn::ConvertTo(di, moved), hn::Set(di, zero));
    hn::StoreU(hn::DemoteTo(d8, shifted), d8, stored + i);
  }
  for (; i < count; ++i) {
    const float steps = std::clamp(values[i] / scale, -kFar, kFar);
    const auto shifted = static_cast<int32_t>(steps + std::copysign(0.5f, steps)) + zero;
    stored[i] = static_cast<int8_t>(std::clamp(shifted, -128, 127));
  }
}

void DequantizeInt8(const int8_t* stored, size_t count, float scale, int32_t zero, float* values) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> di;
  const hn::Rebind<int8_t, decltype(df)> d8;
  const size_t n = hn::Lanes(df);
  size_t i = 0;
  for (; i + n <= count; i += n) {
    const auto steps = hn::Sub(hn::PromoteTo(di, hn::LoadU(d8, stored + i)), hn::Set(di, zero));
    hn::StoreU(hn::Mul(hn::ConvertTo(df, steps), hn::Set(df, scale)), df, values + i);
  }
  for (; i < count; ++i) values[i] = scale * static_cast<float>(stored[i] - zero);
}

DifferenceSums SumDifferences(const float* reference, const float* values, size_t count) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const size_t n = hn::Lanes(dd);
  auto sum_d = hn::Zero(dd), sum_dd = hn::Zero(dd), sum_rr = hn::Zero(dd), sum_vv = hn::Zero(dd),
       sum_rv = hn::Zero(dd);
  auto largest = hn::Zero(df);
  size_t i = 0;
  for (; i + n <= count; i += n) {
    const auto r32 = hn::LoadU(df, reference + i);
    const auto v32 = hn::LoadU(df, values + i);
    const auto d32 = hn::Sub(v32, r32);
    largest = hn::Max(largest, hn::Abs(d32));
    const auto d = hn::PromoteTo(dd, d32), r = hn::PromoteTo(dd, r32), v = hn::PromoteTo(dd, v32);
    sum_d = hn::Add(sum_d, d);
    sum_dd = hn::MulAdd(d, d, sum_dd);
    sum_rr = hn::MulAdd(r, r, sum_rr);
    sum_vv = hn::MulAdd(v, v, sum_vv);
    sum_rv = hn::MulAdd(r, v, sum_rv);
  }
  const auto total = [&](auto lanes) { return hn::GetLane(hn::SumOfLanes(dd, lanes)); };
  DifferenceSums sums{total(sum_d),  total(sum_dd), total(sum_rr),
                      total(sum_vv), total(sum_rv), hn::GetLane(hn::MaxOfLanes(df, largest))};
  for (; i < count; ++i) {
    const float difference = values[i] - reference[i];
    const double d = difference, r = reference[i], v = values[i];
    sums.largest = std::max(sums.largest, std::abs(difference));
    sums.d += d;
    sums.dd += d * d;
    sums.rr += r * r;
    sums.vv += v * v;
    sums.rv += r * v;
  }
  return sums;
}

RangeSums SumRange(const float* values, size_t count, float low, float high, float step) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const size_t n = hn::Lanes(dd);
  const float inverse = step > 0 ? 1 / step : 0;
  auto sum_vv = hn::Zero(dd), sum_clipped = hn::Zero(dd), sum_rounded = hn::Zero(dd);
  auto largest = hn::Zero(df);
  size_t i = 0;
  for (; i + n <= count; i += n) {
    const auto v = hn::LoadU(df, values + i);
    largest = hn::Max(largest, hn::Abs(v));
    const auto wide = hn::PromoteTo(dd, v);
    sum_vv = hn::MulAdd(wide, wide, sum_vv);
    if (step == 0) continue;
    const auto c = hn::Clamp(v, hn::Set(df, low), hn::Set(df, high));
    const auto steps = hn::Mul(c, hn::Set(df, inverse));
    const auto off =
        hn::PromoteTo(dd, hn::Mul(hn::Sub(hn::Round(steps), steps), hn::Set(df, step)));
    const auto cut = hn::PromoteTo(dd, hn::Sub(c, v));
    sum_clipped = hn::MulAdd(cut, cut, sum_clipped);
    sum_rounded = hn::MulAdd(off, off, sum_rounded);
  }
  const auto total = [&](auto lanes) { return hn::GetLane(hn::SumOfLanes(dd, lanes)); };
  RangeSums sums{total(sum_vv), total(sum_clipped), total(sum_rounded),
                 hn::GetLane(hn::MaxOfLanes(df, largest))};
  for (; i < count; ++i) {
    const float v = values[i];
    sums.largest = std::max(sums.largest, std::abs(v));
    sums.vv += static_cast<double>(v) * v;
    if (step == 0) continue;
    const float c = std::clamp(v, low, high);
    const float steps = c * inverse;
    const double off = (std::nearbyint(steps) - steps) * step, cut = c - v;
    sums.clipped += cut * cut;
    sums.rounded += off * off;
  }
  return sums;
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(QuantizeInt8);
HWY_EXPORT(DequantizeInt8);
HWY_EXPORT(SumDifferences);
HWY_EXPORT(SumRange);

void quantize_int8(const float* values, size_t count, float scale, int32_t zero, int8_t* stored) {
  HWY_DYNAMIC_DISPATCH(QuantizeInt8)(values, count, scale, zero, stored);
}

void dequantize_int8(const int8_t* stored, size_t count, float scale, int32_t zero, float* values) {
  HWY_DYNAMIC_DISPATCH(DequantizeInt8)(stored, count, scale, zero, values);
}

DifferenceSums sum_differences(const float* reference, const float* values, size_t count) {
  return HWY_DYNAMIC_DISPATCH(SumDifferences)(reference, values, count);
}

RangeSums sum_range(const float* values, size_t count, float low, float high, float step) {
  return HWY_DYNAMIC_DISPATCH(SumRange)(values, count, low, high, step);
}

}  // namespace smelt
#endif  // HWY_ONCE
