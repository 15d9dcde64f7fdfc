// Vectors of a RowTransform; included once per instruction set.
#if defined(SMELT_TRAIN_ROW_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SMELT_TRAIN_ROW_TRANSFORM_INL_H_
#undef SMELT_TRAIN_ROW_TRANSFORM_INL_H_
#else
#define SMELT_TRAIN_ROW_TRANSFORM_INL_H_
#endif

#include "hwy/highway.h"
#include "smelt/train/blocks/row_transform.h"

HWY_BEFORE_NAMESPACE();
namespace smelt::train {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// u of one vector of channels from `c` on.
template <class D>
HWY_INLINE hn::Vec<D> Affine(D d, const RowTransform& t, hn::Vec<D> z, int64_t c) {
  if (t.factor == nullptr) return t.offset == nullptr ? z : hn::Add(z, hn::LoadU(d, t.offset + c));
  return hn::MulAdd(z, hn::LoadU(d, t.factor + c), hn::LoadU(d, t.offset + c));
}

/// What a transform needs besides its channels.
struct Clamping {
  explicit Clamping(const RowTransform& t)
      : round(t.step > 0),
        low(t.pass_low()),
        high(t.pass_high()),
        step(t.step),
        inverse(t.step > 0 ? 1.0f / t.step : 0.0f) {}

  bool round;
  float low, high, step, inverse;
};

template <class D>
HWY_INLINE hn::Vec<D> Clamped(D d, const Clamping& k, hn::Vec<D> u) {
  u = hn::Min(hn::Max(u, hn::Set(d, k.low)), hn::Set(d, k.high));
  if (k.round) u = hn::Mul(hn::Round(hn::Mul(u, hn::Set(d, k.inverse))), hn::Set(d, k.step));
  return u;
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt::train
HWY_AFTER_NAMESPACE();

#endif  // SMELT_TRAIN_ROW_TRANSFORM_INL_H_
