#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/byte_rows.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <cstring>

#include "hwy/highway.h"
#include "smelt/kernels/byte_rows.h"
#include "smelt/kernels/requantize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

template <class D, class V>
HWY_INLINE V ApplyRight(D d, V value, FixedMultiplier m) {
  return hn::Set(d, apply_multiplier(hn::GetLane(value), {m.multiplier, std::min(m.shift, 0)}));
}

#else

/// round(value * multiplier / 2^31), then a rounding shift to the right.
template <class D, class V>
HWY_INLINE V ApplyRight(D d, V value, FixedMultiplier m) {
  const auto multiplier = hn::Set(d, m.multiplier);
  const auto high = HighMul(d, value, multiplier, multiplier);
  const int right = m.shift < 0 ? -m.shift : 0;
  const auto mask = hn::Set(d, static_cast<int32_t>((int64_t{1} << right) - 1));
  const auto threshold = hn::Sub(hn::ShiftRight<1>(mask), hn::BroadcastSignBit(high));
  const auto up = hn::VecFromMask(d, hn::Gt(hn::And(high, mask), threshold));  // -1 where true
  return hn::Sub(hn::Shr(high, hn::Set(d, right)), up);
}

#endif

template <class D, class V>
HWY_INLINE V ToStored(D d, V value, int32_t zero, IntRange range) {
  value = hn::Add(value, hn::Set(d, zero));
  return hn::Min(hn::Max(value, hn::Set(d, range.low)), hn::Set(d, range.high));
}

/// The next lanes of a row, less the zero point; `left` of them where the row ends.
template <class T, class D>
HWY_INLINE hn::Vec<D> Load(D d, const T* from, int64_t left, int32_t zero) {
  const hn::Rebind<T, D> narrow;
  const auto offset = hn::Set(d, zero);
  if (left >= static_cast<int64_t>(hn::Lanes(d))) {
    return hn::Sub(hn::PromoteTo(d, hn::LoadU(narrow, from)), offset);
  }
  HWY_ALIGN T lanes[HWY_MAX_BYTES] = {};
  std::memcpy(lanes, from, static_cast<size_t>(left) * sizeof(T));
  return hn::Sub(hn::PromoteTo(d, hn::LoadU(narrow, lanes)), offset);
}

/// y = f(a, b) for rows whose operands advance as the template says.
template <bool kA, bool kB, class T, class F>
HWY_INLINE void Rows(const T* a, int32_t zero_a, const T* b, int32_t zero_b, T* y, int64_t count,
                     const F& f) {
  const hn::ScalableTag<int32_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one_a = hn::Set(d, *a - zero_a), one_b = hn::Set(d, *b - zero_b);
  for (int64_t i = 0; i < count; i += lanes) {
    const auto va = kA ? Load(d, a + i, count - i, zero_a) : one_a;
    const auto vb = kB ? Load(d, b + i, count - i, zero_b) : one_b;
    StoreNarrow(d, f(d, va, vb), y + i, count - i);
  }
}

template <class T, class F>
HWY_INLINE void AnyRows(const T* a, bool a_advances, int32_t zero_a, const T* b, bool b_advances,
                        int32_t zero_b, T* y, int64_t count, const F& f) {
  if (a_advances && b_advances) return Rows<true, true>(a, zero_a, b, zero_b, y, count, f);
  if (a_advances) return Rows<true, false>(a, zero_a, b, zero_b, y, count, f);
  if (b_advances) return Rows<false, true>(a, zero_a, b, zero_b, y, count, f);
  Rows<false, false>(a, zero_a, b, zero_b, y, count, f);
}

struct SumVector {
  const SumRow& r;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    const auto left = hn::Set(d, r.left);
    const auto sa = ApplyRight(d, hn::Shl(a, left), r.a);
    const auto sb = ApplyRight(d, hn::Shl(b, left), r.b);
    const auto sum = r.subtract ? hn::Sub(sa, sb) : hn::Add(sa, sb);
    return ToStored(d, ApplyRight(d, sum, r.y), r.zero_y, r.range);
  }
};

struct ProductVector {
  const ProductRow& r;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    const auto left = hn::Set(d, r.y.shift > 0 ? r.y.shift : 0);
    return ToStored(d, ApplyRight(d, hn::Shl(hn::Mul(a, b), left), r.y), r.zero_y, r.range);
  }
};

template <class T>
void SumRows(const SumRow& r, const T* a, bool a_advances, const T* b, bool b_advances, T* y,
             int64_t count) {
  AnyRows(a, a_advances, r.zero_a, b, b_advances, r.zero_b, y, count, SumVector{r});
}

template <class T>
void ProductRows(const ProductRow& r, const T* a, bool a_advances, const T* b, bool b_advances,
                 T* y, int64_t count) {
  AnyRows(a, a_advances, r.zero_a, b, b_advances, r.zero_b, y, count, ProductVector{r});
}

struct XnnpackSumVector {
  const XnnpackSum& r;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    const auto scaled_a = hn::Mul(a, hn::Set(d, r.multiplier_a));
    const auto scaled_b = hn::Mul(b, hn::Set(d, r.multiplier_b));
    const auto sum = hn::Add(hn::Add(scaled_a, scaled_b), hn::Set(d, r.bias));
    return ToStored(d, hn::Shr(sum, hn::Set(d, r.shift)), r.zero, r.range);
  }
};

struct ScaledProductVector {
  const ScaledProductRow& r;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    const hn::Repartition<float, D> df;
    return ApplyScale(d, hn::Mul(a, b), hn::Set(df, r.scale), r.zero_y, r.range);
  }
};

template <class T>
void XnnpackSumRows(const XnnpackSum& r, const T* a, bool a_advances, const T* b, bool b_advances,
                    T* y, int64_t count) {
  AnyRows(a, a_advances, 0, b, b_advances, 0, y, count, XnnpackSumVector{r});
}

template <class T>
void ScaledProductRows(const ScaledProductRow& r, const T* a, bool a_advances, const T* b,
                       bool b_advances, T* y, int64_t count) {
  AnyRows(a, a_advances, r.zero_a, b, b_advances, r.zero_b, y, count, ScaledProductVector{r});
}

template <class T>
ByteRows<T> RowsOf() {
  return {SumRows<T>, ProductRows<T>, XnnpackSumRows<T>, ScaledProductRows<T>};
}
ByteRows<int8_t> Int8Rows() { return RowsOf<int8_t>(); }
ByteRows<uint8_t> Uint8Rows() { return RowsOf<uint8_t>(); }

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(Int8Rows);
HWY_EXPORT(Uint8Rows);
ByteRows<int8_t> int8_rows() { return HWY_DYNAMIC_DISPATCH(Int8Rows)(); }
ByteRows<uint8_t> uint8_rows() { return HWY_DYNAMIC_DISPATCH(Uint8Rows)(); }
}  // namespace smelt
#endif
