#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/gate_functions.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "smelt/kernels/gate_functions.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// y[i] = f(x[i]), the rest behind the last full vector through a buffer.
template <class F>
HWY_INLINE void ForEachVector(const float* x, int64_t count, float* y, F&& f) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(f(d, hn::LoadU(d, x + i)), d, y + i);
  if (i == count) return;
  HWY_ALIGN float buffer[HWY_MAX_BYTES / sizeof(float)] = {};
  const size_t bytes = static_cast<size_t>(count - i) * sizeof(float);
  std::memcpy(buffer, x + i, bytes);
  hn::Store(f(d, hn::Load(d, buffer)), d, buffer);
  std::memcpy(y + i, buffer, bytes);
}

void Logistic(const float* x, int64_t count, float* y) {
  ForEachVector(x, count, y, [](auto d, auto v) {
    const auto one = hn::Set(d, 1.0f);
    const auto bounded = hn::Min(hn::Max(v, hn::Set(d, -87.0f)), hn::Set(d, 87.0f));
    return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(bounded))));
  });
}

void Tanh(const float* x, int64_t count, float* y) {
  ForEachVector(x, count, y, [](auto d, auto v) {
    // Beyond 10 the result is 1; the bound keeps exp in range.
    return hn::Tanh(d, hn::Min(hn::Max(v, hn::Set(d, -10.0f)), hn::Set(d, 10.0f)));
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
namespace {

HWY_EXPORT(Logistic);
HWY_EXPORT(Tanh);

template <class F>
void for_each(const float* x, int64_t count, float* y, F f) {
  for (int64_t i = 0; i < count; ++i) y[i] = f(x[i]);
}

}  // namespace

void logistic(const float* x, int64_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(Logistic)(x, count, y);
}

void activate(Activation activation, const float* x, int64_t count, float* y) {
  switch (activation) {
    case Activation::none:
      return for_each(x, count, y, [](float v) { return v; });
    case Activation::relu:
      return for_each(x, count, y, [](float v) { return std::max(0.0f, v); });
    case Activation::relu_n1_to_1:
      return for_each(x, count, y, [](float v) { return std::clamp(v, -1.0f, 1.0f); });
    case Activation::relu6:
      return for_each(x, count, y, [](float v) { return std::clamp(v, 0.0f, 6.0f); });
    case Activation::tanh:
      return HWY_DYNAMIC_DISPATCH(Tanh)(x, count, y);
    case Activation::sign_bit:
      return for_each(x, count, y, [](float v) { return std::signbit(v) ? 1.0f : 0.0f; });
  }
}

}  // namespace smelt
#endif
