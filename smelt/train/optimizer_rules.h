#pragma once

#include <cstdint>
#include <limits>

namespace smelt::train {

/// One update of `count` entries; see OptimizerKind for the formulas. Moments that a rule does not
/// use are null. Plain float arithmetic without contraction, entry by entry: the same wherever an
/// entry stands and on every instruction set.
struct UpdateSpan {
  float* w;
  const float* g;
  float* m;
  float* v;
  float* d;
  int64_t count;
};

/// What happens to weights and gradients in front of every rule.
struct GradientRule {
  float decay = 0;                                       ///< w -= decay w first
  float l2 = 0;                                          ///< g += l2 w
  float scale = 1;                                       ///< g *= scale
  float limit = std::numeric_limits<float>::infinity();  ///< g kept in [-limit, limit]
};

struct SgdRule {
  float rate, momentum;
  bool nesterov;
};
void update_sgd(const SgdRule& rule, const GradientRule& gradient, const UpdateSpan& span);

struct AdamRule {
  float rate;            ///< with both bias corrections
  float keep_m, keep_v;  ///< 1 - beta_1, 1 - beta_2
  float epsilon;
};
void update_adam(const AdamRule& rule, const GradientRule& gradient, const UpdateSpan& span);

struct RmspropRule {
  float rate, rho, momentum, epsilon;
};
/// Centered where span.d is there, with momentum where span.m is.
void update_rmsprop(const RmspropRule& rule, const GradientRule& gradient, const UpdateSpan& span);

/// Sum of the squares of g + l2 w, in double: eight sums one beside the other, then added in order.
double squared_norm(const float* w, const float* g, float l2, int64_t count);

}  // namespace smelt::train
