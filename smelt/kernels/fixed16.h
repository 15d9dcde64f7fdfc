#pragma once

#include <algorithm>
#include <cstdint>

#include "smelt/kernels/fixed_point.h"

namespace smelt {

// Elementary functions on 16-bit fixed-point numbers, equal bit for bit with gemmlowp's
// FixedPoint<int16_t, I>, which LiteRT's integer LSTM is specified by: raw / 2^(15 - I), in
// [-2^I, 2^I). Sums wrap where gemmlowp's do; constants are those of 32 bits, rounded.

template <int I>
struct Fixed16 {
  static_assert(I >= 0 && I < 15);
  int16_t raw = 0;

  static constexpr int kFractionBits = 15 - I;
  static constexpr Fixed16 one() { return {static_cast<int16_t>(I == 0 ? 32767 : 1 << (15 - I))}; }

  Fixed16 operator+(Fixed16 b) const { return {static_cast<int16_t>(raw + b.raw)}; }
  Fixed16 operator-(Fixed16 b) const { return {static_cast<int16_t>(raw - b.raw)}; }
  Fixed16 operator-() const { return {static_cast<int16_t>(-raw)}; }
};

inline int16_t saturate16(int32_t value) {
  return static_cast<int16_t>(std::clamp<int32_t>(value, -32768, 32767));
}

template <int A, int B>
Fixed16<A + B> operator*(Fixed16<A> a, Fixed16<B> b) {
  if (a.raw == -32768 && b.raw == -32768) return {32767};
  const int32_t product = a.raw * b.raw;
  const int32_t nudge = product >= 0 ? 1 << 14 : 1 - (1 << 14);
  return {static_cast<int16_t>((product + nudge) / (1 << 15))};  // truncates to zero
}

template <int I>
Fixed16<I> saturating_add(Fixed16<I> a, Fixed16<I> b) {
  return {saturate16(a.raw + b.raw)};
}

/// The same number in another format, saturating or rounding.
template <int To, int From>
Fixed16<To> rescale(Fixed16<From> a) {
  if constexpr (From >= To) {
    return {saturate16(a.raw * (1 << (From - To)))};
  } else {
    return {static_cast<int16_t>(rounding_divide_by_pot(a.raw, To - From))};
  }
}

/// A constant of 32-bit fixed point.
template <int I>
Fixed16<I> constant16(int32_t raw) {
  return {static_cast<int16_t>(rounding_divide_by_pot(raw, 16))};
}

/// exp(a) for a in [-1/4, 0): Taylor series around -1/8.
inline Fixed16<0> exp_on_last_quarter(Fixed16<0> a) {
  const auto exp_minus_eighth = constant16<0>(1895147668);
  const Fixed16<0> x = a + Fixed16<0>{1 << 12};
  const Fixed16<0> x2 = x * x;
  const Fixed16<0> x3 = x2 * x;
  const Fixed16<0> x4 = x2 * x2;
  const Fixed16<0> x4_over_4{static_cast<int16_t>(rounding_divide_by_pot(x4.raw, 2))};
  const Fixed16<0> sum = ((x4_over_4 + x3) * constant16<0>(715827883)) + x2;
  const Fixed16<0> higher{static_cast<int16_t>(rounding_divide_by_pot(sum.raw, 1))};
  return saturating_add(exp_minus_eighth, exp_minus_eighth * (x + higher));
}

/// exp(a) for a <= 0.
template <int I>
Fixed16<0> exp_on_negative(Fixed16<I> a) {
  if (a.raw == 0) return Fixed16<0>::one();
  constexpr int kFraction = Fixed16<I>::kFractionBits;
  if (I > 5 && a.raw < -(1 << (20 - I))) return {0};  // below -32
  constexpr int16_t kQuarter = 1 << (kFraction - 2);
  const Fixed16<I> modulo{static_cast<int16_t>((a.raw & (kQuarter - 1)) - kQuarter)};
  Fixed16<0> result = exp_on_last_quarter(rescale<0>(modulo));
  const int32_t remainder = (modulo - a).raw;
  // exp(-2^k) for every bit k that is set in the rest.
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  for (int k = -2; k <= 4 && k < I; ++k) {
    if ((remainder & (1 << (kFraction + k))) != 0) {
      result = result * constant16<0>(kFactors[k + 2]);
    }
  }
  return result;
}

/// Newton-Raphson for 2 / (1 + a), a in [0, 1].
inline Fixed16<2> two_over_one_plus(Fixed16<0> a) {
  const int32_t sum = a.raw + 32767;
  const Fixed16<0> half_denominator{static_cast<int16_t>((sum + (sum >= 0 ? 1 : -1)) / 2)};
  Fixed16<2> x = constant16<2>(1515870810) + half_denominator * constant16<2>(-1010580540);
  for (int i = 0; i < 3; ++i) {
    const Fixed16<2> error = Fixed16<2>::one() - half_denominator * x;
    x = x + rescale<2>(x * error);
  }
  return x;
}

template <int I>
Fixed16<0> fixed_logistic(Fixed16<I> a) {
  if (a.raw == 0) return {1 << 14};
  const Fixed16<0> exponential = exp_on_negative(a.raw > 0 ? -a : a);
  const Fixed16<0> positive = rescale<0>(Fixed16<1>{two_over_one_plus(exponential).raw});
  return a.raw > 0 ? positive : Fixed16<0>::one() - positive;
}

template <int I>
Fixed16<0> fixed_tanh(Fixed16<I> a) {
  if (a.raw == 0) return {0};
  const Fixed16<I> negative = a.raw < 0 ? a : -a;
  const Fixed16<0> exponential = exp_on_negative(Fixed16<I + 1>{negative.raw});
  const Fixed16<0> t = rescale<0>(two_over_one_plus(exponential) - Fixed16<2>::one());
  return a.raw < 0 ? -t : t;
}

}  // namespace smelt
