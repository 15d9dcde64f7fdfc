// Vector forms of apply_multiplier and of sums of products; included once per target by files that
// use foreach_target.h.
#if defined(SMELT_KERNELS_REQUANTIZE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMELT_KERNELS_REQUANTIZE_INL_H_
#undef SMELT_KERNELS_REQUANTIZE_INL_H_
#else
#define SMELT_KERNELS_REQUANTIZE_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "hwy/highway.h"
#include "smelt/kernels/gemm.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// sum * scale to the nearest integer, plus zero: apply_scale.
template <class D, class V, class VF>
HWY_INLINE V ApplyScale(D d, V sum, VF scale, int32_t zero, IntRange range) {
  const hn::Repartition<float, D> df;
  const auto real = hn::Mul(hn::ConvertTo(df, sum), scale);
  const auto low = hn::Set(df, static_cast<float>(range.low - zero));
  const auto high = hn::Set(df, static_cast<float>(range.high - zero));
  return hn::Add(hn::NearestInt(hn::Min(hn::Max(real, low), high)), hn::Set(d, zero));
}

// The two ways from sums of the columns from `column` on, shifted to the left, to stored values,
// for loops that are compiled for each of them. What the columns need is in registers: several rows
// share it, and stores of bytes would have the compiler load it again each time.

/// apply_scale.
template <class D>
struct RealRule {
  hn::Vec<hn::Repartition<float, D>> scale;
  int32_t zero;
  IntRange range;
  HWY_INLINE RealRule(D, const Requantization& q, int64_t column)
      : scale(hn::LoadU(hn::Repartition<float, D>(), q.scale.data() + column)),
        zero(q.zero),
        range(q.range) {}
  template <class V>
  HWY_INLINE V operator()(D d, V sum) const {
    return ApplyScale(d, sum, scale, zero, range);
  }
};

#if HWY_TARGET == HWY_SCALAR

template <class D, class V>
HWY_INLINE V ShiftSum(D d, V sum, const Requantization& q, int64_t column) {
  return hn::Set(d, wrapping_shift_left(hn::GetLane(sum), q.left[column]));
}

/// apply_multiplier.
template <class D>
struct FixedRule {
  FixedMultiplier multiplier;
  int32_t zero;
  IntRange range;
  HWY_INLINE FixedRule(D, const Requantization& q, int64_t column)
      : multiplier{q.multiplier[column], -q.right[column]}, zero(q.zero), range(q.range) {}
  template <class V>
  HWY_INLINE V operator()(D d, V sum) const {
    const int32_t value = wrapping_add(apply_multiplier(hn::GetLane(sum), multiplier), zero);
    return hn::Set(d, clamp(value, range));
  }
};

template <class D, class V>
HWY_INLINE V AddProduct16(D d, V a, V b, V sum) {
  const int32_t weight = static_cast<int16_t>(hn::GetLane(b));
  return hn::Set(d, wrapping_add(hn::GetLane(sum), hn::GetLane(a) * weight));
}

template <class V>
HWY_INLINE void KeepInRegister(V&) {}

#else

/// round(a * b / 2^31) per lane, for b >= 0: the low 32 bits of (a * b + 2^30) >> 31, which is what
/// saturating_rounding_doubling_high_mul gives where nothing saturates. Lane i of b is in lane i of
/// b_even where i is even, and in lane i - 1 of b_odd where it is odd.
template <class D, class V>
HWY_INLINE V HighMul(D d, V a, V b_even, V b_odd) {
  const hn::Repartition<int64_t, D> d64;
  const hn::Repartition<uint64_t, D> du64;
  const auto nudge = hn::Set(d64, int64_t{1} << 30);
  const auto odd_a = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(du64, a)));
  const auto even = hn::Add(hn::MulEven(a, b_even), nudge);
  const auto odd = hn::Add(hn::MulEven(odd_a, b_odd), nudge);
  return hn::OddEven(hn::BitCast(d, hn::Add(odd, odd)),
                     hn::BitCast(d, hn::ShiftRight<31>(hn::BitCast(du64, even))));
}

/// The shift to the left, where some column has one: before FixedRule, and apart from it so
/// that its branch does not split the code between many sums that are to stay in registers.
template <class D, class V>
HWY_INLINE V ShiftSum(D d, V sum, const Requantization& q, int64_t column) {
  return hn::Shl(sum, hn::LoadU(d, q.left.data() + column));
}

/// apply_multiplier.
template <class D>
struct FixedRule {
  using V = hn::Vec<D>;
  V even, odd;  ///< multipliers as HighMul takes them
  V mask, half, right, zero, low, high;
  HWY_INLINE FixedRule(D d, const Requantization& q, int64_t column)
      : even(hn::LoadU(d, q.multiplier.data() + column)),
        odd(hn::LoadU(d, q.multiplier.data() + column + 1)),
        mask(hn::LoadU(d, q.mask.data() + column)),
        half(hn::ShiftRight<1>(mask)),
        right(hn::LoadU(d, q.right.data() + column)),
        zero(hn::Set(d, q.zero)),
        low(hn::Set(d, q.range.low)),
        high(hn::Set(d, q.range.high)) {}

  HWY_INLINE V operator()(D d, V sum) const {
    const auto product = HighMul(d, sum, even, odd);
    const auto threshold = hn::Sub(half, hn::BroadcastSignBit(product));
    const auto up = hn::VecFromMask(d, hn::Gt(hn::And(product, mask), threshold));  // -1 or 0
    const auto rounded = hn::Sub(hn::Shr(product, right), up);
    return hn::Min(hn::Max(hn::Add(rounded, zero), low), high);
  }
};

/// sum + a[2i] * b[2i] + a[2i+1] * b[2i+1] per 32-bit lane i.
template <class D, class V16, class V32>
HWY_INLINE V32 AddPairProducts(D d, V16 a, V16 b, V32 sum) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  V32 unused = sum;
  return hn::ReorderWidenMulAccumulate(d, a, b, sum, unused);  // pmaddwd: pairs stay in order
#else
  const auto a32 = hn::BitCast(d, a);
  const auto b32 = hn::BitCast(d, b);
  const auto even = hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(a32)),
                            hn::ShiftRight<16>(hn::ShiftLeft<16>(b32)));
  const auto odd = hn::Mul(hn::ShiftRight<16>(a32), hn::ShiftRight<16>(b32));
  return hn::Add(sum, hn::Add(even, odd));
#endif
}

/// sum + a * b for values of 16 bits (a sign-extended, b with its upper half 0).
template <class D, class V>
HWY_INLINE V AddProduct16(D d, V a, V b, V sum) {
  const hn::Repartition<int16_t, D> d16;
  return AddPairProducts(d, hn::BitCast(d16, a), hn::BitCast(d16, b), sum);
}

/// Keeps GCC from computing all products first and spilling the sums to hold them (a factor of 2).
template <class V32>
HWY_INLINE void KeepInRegister(V32& v) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC_ACTUAL
  asm volatile("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

#endif  // HWY_SCALAR

/// Writes the first `count` of the lanes as T (int8_t or uint8_t); lanes are in T's range.
template <class T, class D, class V>
HWY_INLINE void StoreNarrow(D d, V value, T* to, int64_t count) {
  const hn::Rebind<T, D> narrow;
  const auto bytes = hn::DemoteTo(narrow, value);
  if (count >= static_cast<int64_t>(hn::Lanes(d))) {
    hn::StoreU(bytes, narrow, to);
  } else {
    HWY_ALIGN T lanes[HWY_MAX_BYTES];
    hn::StoreU(bytes, narrow, lanes);
    std::memcpy(to, lanes, static_cast<size_t>(count) * sizeof(T));
  }
}

/// The same for 32 bits.
template <class D, class V>
HWY_INLINE void StoreWide(D d, V value, void* to, int64_t count) {
  HWY_ALIGN int32_t lanes[HWY_MAX_BYTES / sizeof(int32_t)];
  hn::Store(value, d, lanes);
  const auto fitting = std::min<int64_t>(count, static_cast<int64_t>(hn::Lanes(d)));
  std::memcpy(to, lanes, static_cast<size_t>(fitting) * sizeof(int32_t));
}

/// The same for a type known at run time.
template <class D, class V>
HWY_INLINE void StoreBytes(D d, V value, DataType type, void* to, int64_t count) {
  if (type == DataType::int8) {
    StoreNarrow(d, value, static_cast<int8_t*>(to), count);
  } else if (type == DataType::int32) {
    StoreWide(d, value, to, count);
  } else {
    StoreNarrow(d, value, static_cast<uint8_t*>(to), count);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
