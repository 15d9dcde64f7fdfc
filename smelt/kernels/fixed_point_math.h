#pragma once

#include <bit>
#include <cstdint>

#include "smelt/kernels/fixed_point.h"

namespace smelt {

// Elementary functions on 32-bit fixed-point numbers, equal bit for bit with gemmlowp's
// fixedpoint.h and TFLite's internal/common.h, which the integer softmax, logistic, tanh, division
// and normalization kernels are specified by. A Fixed<I> is raw / 2^(31 - I), in [-2^I, 2^I).

/// a * 2^exponent, saturating; a negative exponent divides with rounding.
inline int32_t saturating_multiply_by_pot(int32_t a, int exponent) {
  if (exponent == 0) return a;
  if (exponent < 0) return rounding_divide_by_pot(a, -exponent);
  const int32_t threshold = static_cast<int32_t>((int64_t{1} << (31 - exponent)) - 1);
  if (a > threshold) return std::numeric_limits<int32_t>::max();
  if (a < -threshold) return std::numeric_limits<int32_t>::min();
  return wrapping_shift_left(a, exponent);
}

/// round((a + b) / 2), ties away from zero.
inline int32_t rounding_half_sum(int32_t a, int32_t b) {
  const int64_t sum = static_cast<int64_t>(a) + b;
  return static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

template <int I>
struct Fixed {
  static_assert(I >= 0 && I < 31);
  int32_t raw = 0;

  static constexpr int kFractionBits = 31 - I;
  static constexpr Fixed one() {
    return {I == 0 ? std::numeric_limits<int32_t>::max()
                   : int32_t{1} << (I == 0 ? 0 : kFractionBits)};
  }
  /// 2^exponent.
  static constexpr Fixed pot(int exponent) { return {int32_t{1} << (kFractionBits + exponent)}; }

  Fixed operator+(Fixed b) const { return {wrapping_add(raw, b.raw)}; }
  Fixed operator-(Fixed b) const {
    return {static_cast<int32_t>(static_cast<uint32_t>(raw) - static_cast<uint32_t>(b.raw))};
  }
  Fixed operator-() const { return Fixed{0} - *this; }
};

template <int A, int B>
Fixed<A + B> operator*(Fixed<A> a, Fixed<B> b) {
  return {saturating_rounding_doubling_high_mul(a.raw, b.raw)};
}

/// The same number in another format, saturating.
template <int To, int From>
Fixed<To> rescale(Fixed<From> a) {
  return {saturating_multiply_by_pot(a.raw, From - To)};
}

/// exp(a) for a in [-1/4, 0): Taylor series around -1/8.
inline Fixed<0> exp_on_last_quarter(Fixed<0> a) {
  constexpr Fixed<0> kExpMinusEighth{1895147668};
  constexpr Fixed<0> kThird{715827883};
  const Fixed<0> x = a + Fixed<0>::pot(-3);
  const Fixed<0> x2 = x * x;
  const Fixed<0> x3 = x2 * x;
  const Fixed<0> x4 = x2 * x2;
  const Fixed<0> x4_over_4{rounding_divide_by_pot(x4.raw, 2)};
  const Fixed<0> higher{rounding_divide_by_pot((((x4_over_4 + x3) * kThird) + x2).raw, 1)};
  return kExpMinusEighth + kExpMinusEighth * (x + higher);
}

/// exp(a) for a <= 0.
template <int I>
Fixed<0> exp_on_negative(Fixed<I> a) {
  static_assert(I <= 5);
  constexpr int32_t kQuarter = int32_t{1} << (Fixed<I>::kFractionBits - 2);
  const Fixed<I> modulo = Fixed<I>{a.raw & (kQuarter - 1)} - Fixed<I>{kQuarter};
  Fixed<0> result = exp_on_last_quarter(rescale<0>(modulo));
  const int32_t remainder = (modulo - a).raw;
  // exp(-2^k) for every bit k that is set in the rest.
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  for (int k = -2; k <= 4 && k < I; ++k) {
    if ((remainder & (int32_t{1} << (Fixed<I>::kFractionBits + k))) != 0) {
      result = result * Fixed<0>{kFactors[k + 2]};
    }
  }
  return a.raw == 0 ? Fixed<0>::one() : result;
}

/// Newton-Raphson for 2 / (1 + a), a in [0, 1].
inline Fixed<2> two_over_one_plus(Fixed<0> a) {
  const Fixed<0> half_denominator{rounding_half_sum(a.raw, Fixed<0>::one().raw)};
  constexpr Fixed<2> k48Over17{1515870810};
  constexpr Fixed<2> kMinus32Over17{-1010580540};
  Fixed<2> x = k48Over17 + half_denominator * kMinus32Over17;
  for (int i = 0; i < 3; ++i) {
    const Fixed<2> error = Fixed<2>::one() - half_denominator * x;
    x = x + rescale<2>(x * error);
  }
  return x;
}

/// 1 / (1 + a) for a in [0, 1].
inline Fixed<0> one_over_one_plus(Fixed<0> a) {
  return rescale<0>(Fixed<1>{two_over_one_plus(a).raw});
}

/// (1 - a) / (1 + a) for a in [0, 1].
inline Fixed<0> one_minus_over_one_plus(Fixed<0> a) {
  return rescale<0>(two_over_one_plus(a) - Fixed<2>::one());
}

template <int I>
Fixed<0> fixed_logistic(Fixed<I> a) {
  if (a.raw == 0) return {int32_t{1} << 30};
  const Fixed<0> positive = one_over_one_plus(exp_on_negative(a.raw > 0 ? -a : a));
  return a.raw > 0 ? positive : Fixed<0>::one() - positive;
}

template <int I>
Fixed<0> fixed_tanh(Fixed<I> a) {
  if (a.raw == 0) return {0};
  const Fixed<I> negative = a.raw < 0 ? a : -a;
  const Fixed<0> t = one_minus_over_one_plus(exp_on_negative(Fixed<I + 1>{negative.raw}));
  return a.raw < 0 ? -t : t;
}

/// 1 / x for x > 0 with `integer_bits`: the result is value * 2^-(bits_over_unit), value in [1/2,
/// 1].
struct Reciprocal {
  int32_t value = 0;
  int bits_over_unit = 0;
};
inline Reciprocal reciprocal(int32_t x, int integer_bits) {
  const int headroom = std::countl_zero(static_cast<uint32_t>(x));
  const uint32_t shifted = headroom < 32 ? static_cast<uint32_t>(x) << headroom : 0;
  const auto minus_one = static_cast<int32_t>(shifted - (uint32_t{1} << 31));
  return {one_over_one_plus(Fixed<0>{minus_one}).raw, integer_bits - headroom};
}

/// 1 / sqrt(input) as a multiplier and a shift to the left (<= 0), for input >= 0
/// (GetInvSqrtQuantizedMultiplierExp with reverse_shift -1).
inline FixedMultiplier inverse_sqrt(int32_t input) {
  if (input <= 1) return {std::numeric_limits<int32_t>::max(), 0};
  int shift = 11;
  while (input >= (1 << 29)) {
    input /= 4;
    ++shift;
  }
  const int left_bits = std::countl_zero(static_cast<uint32_t>(input)) - 1;
  const int left_pairs = left_bits / 2 - 1;
  shift -= left_pairs;
  input = wrapping_shift_left(input, 2 * left_pairs);
  const Fixed<3> half_input{rounding_divide_by_pot(input >> 1, 1)};
  constexpr Fixed<3> kThreeHalves{(1 << 28) + (1 << 27)};
  Fixed<3> x = Fixed<3>::one();
  for (int i = 0; i < 5; ++i) {
    const Fixed<3> x3 = rescale<3>(x * x * x);
    x = rescale<3>(kThreeHalves * x - half_input * x3);
  }
  constexpr Fixed<0> kHalfSqrt2{1518500250};
  int32_t result = (x * kHalfSqrt2).raw;
  if (shift < 0) {
    result = wrapping_shift_left(result, -shift);
    shift = 0;
  }
  return {result, -shift};
}

/// log(x) for x >= 1, as TFLite's log_x_for_x_greater_than_or_equal_to_1.
template <int Out, int In>
Fixed<Out> log_above_one(Fixed<In> x) {
  constexpr int kAccum = Out + 1;
  constexpr Fixed<0> kLog2{1488522236}, kFourthRootHalf{1805811301}, kSqrtHalf{1518500250};
  constexpr Fixed<0> kAlphaN{117049297}, kAlphaD{127690142}, kAlphaI{1057819769},
      kAlphaF{638450708};
  const Fixed<kAccum> quarter = rescale<kAccum>(Fixed<0>{536870912});
  const auto add = [](int32_t a, int32_t b) {
    const int64_t sum = static_cast<int64_t>(a) + b;
    return static_cast<int32_t>(std::clamp<int64_t>(sum, std::numeric_limits<int32_t>::min(),
                                                    std::numeric_limits<int32_t>::max()));
  };

  const Fixed<0> a{x.raw};
  const int a_headroom_plus_1 = std::countl_zero(static_cast<uint32_t>(a.raw));
  const Fixed<0> a_normal{saturating_multiply_by_pot(a.raw, a_headroom_plus_1 - 1)};
  const int32_t r_a = saturating_multiply_by_pot((a_normal * kSqrtHalf).raw, 1);
  const int32_t a_power =
      add(saturating_multiply_by_pot(In - a_headroom_plus_1, 31 - kAccum), quarter.raw);

  const Fixed<0> b = a * kSqrtHalf;
  const int b_headroom = std::countl_zero(static_cast<uint32_t>(b.raw)) - 1;
  const int32_t r_b = saturating_multiply_by_pot(a.raw, b_headroom);
  const int32_t b_power =
      add(saturating_multiply_by_pot(In - b_headroom, 31 - kAccum), -quarter.raw);

  const Fixed<0> r{std::min(r_a, r_b)};
  const Fixed<kAccum> power{std::max(a_power, b_power)};
  const Fixed<0> p{rounding_half_sum(r.raw, kFourthRootHalf.raw)};
  Fixed<0> q = r - kFourthRootHalf;
  q = q + q;
  const Fixed<0> q2 = q * q;
  const Fixed<0> numerator = q * r + q * q2 * kAlphaN;
  const Fixed<0> denominator_minus_one = p * (kAlphaI + q + kAlphaD * q2) + kAlphaF * q;
  const Fixed<0> inverse = one_over_one_plus(denominator_minus_one);
  return rescale<Out>(power * kLog2 + rescale<kAccum>(numerator) * inverse);
}

}  // namespace smelt
