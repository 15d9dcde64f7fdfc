// Compiled with -O3 -fno-math-errno (see CMakeLists.txt): these loops become vector code.
#include "smelt/train/optimizer_rules.h"

#include <cmath>

namespace smelt::train {
namespace {

/// `rule(w, g, i)` returns the new weight of entry i.
template <class Rule>
inline void update(const GradientRule& before, const UpdateSpan& span, Rule&& rule) {
  float* w = span.w;
  const float* g = span.g;
#pragma GCC ivdep  // weights, gradients and moments never overlap
  for (int64_t i = 0; i < span.count; ++i) {
    float gradient = (g[i] + before.l2 * w[i]) * before.scale;
    gradient = gradient > before.limit ? before.limit : gradient;  // NaN stays
    gradient = gradient < -before.limit ? -before.limit : gradient;
    w[i] = rule(w[i] - w[i] * before.decay, gradient, i);
  }
}

template <bool kCentered, bool kMomentum>
void rmsprop(const RmspropRule& rule, const GradientRule& gradient, const UpdateSpan& span) {
  const RmspropRule r = rule;
  float* m = span.m;
  float* v = span.v;
  float* d = span.d;
  update(gradient, span, [=](float w, float g, int64_t i) {
    v[i] = r.rho * v[i] + (1 - r.rho) * (g * g);
    float centered = v[i];
    if constexpr (kCentered) {
      d[i] = r.rho * d[i] + (1 - r.rho) * g;
      centered -= d[i] * d[i];
    }
    const float increment = r.rate * g / std::sqrt(centered + r.epsilon);
    if constexpr (!kMomentum) return w - increment;
    m[i] = r.momentum * m[i] + increment;
    return w - m[i];
  });
}

}  // namespace

void update_sgd(const SgdRule& rule, const GradientRule& gradient, const UpdateSpan& span) {
  const SgdRule r = rule;
  if (span.m == nullptr) {
    update(gradient, span, [=](float w, float g, int64_t) { return w - g * r.rate; });
    return;
  }
  float* m = span.m;
  if (r.nesterov) {
    update(gradient, span, [=](float w, float g, int64_t i) {
      m[i] = m[i] * r.momentum - g * r.rate;
      return w + (m[i] * r.momentum - g * r.rate);
    });
  } else {
    update(gradient, span, [=](float w, float g, int64_t i) {
      m[i] = m[i] * r.momentum - g * r.rate;
      return w + m[i];
    });
  }
}

void update_adam(const AdamRule& rule, const GradientRule& gradient, const UpdateSpan& span) {
  const AdamRule r = rule;
  float* m = span.m;
  float* v = span.v;
  update(gradient, span, [=](float w, float g, int64_t i) {
    m[i] += (g - m[i]) * r.keep_m;
    v[i] += (g * g - v[i]) * r.keep_v;
    return w - m[i] * r.rate / (std::sqrt(v[i]) + r.epsilon);
  });
}

void update_rmsprop(const RmspropRule& rule, const GradientRule& gradient, const UpdateSpan& span) {
  if (span.d != nullptr) {
    span.m != nullptr ? rmsprop<true, true>(rule, gradient, span)
                      : rmsprop<true, false>(rule, gradient, span);
  } else {
    span.m != nullptr ? rmsprop<false, true>(rule, gradient, span)
                      : rmsprop<false, false>(rule, gradient, span);
  }
}

double squared_norm(const float* w, const float* g, float l2, int64_t count) {
  constexpr int64_t kLanes = 8;
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) {
      const double value = g[i + k] + l2 * w[i + k];
      sums[k] += value * value;
    }
  }
  for (; i < count; ++i) {
    const double value = g[i] + l2 * w[i];
    sums[i % kLanes] += value * value;
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace smelt::train
