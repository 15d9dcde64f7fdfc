#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>
#include <vector>

#include "smelt/base/error.h"

namespace smelt {

// The Fourier transform of real signals in the arithmetic of kissfft 1.3.0, on which TFLite Micro's
// signal library is built: mixed radix with radix 4 first; in fixed point every stage divides by
// its radix, products are rounded half up and sums wrap. T is float, int16_t (15 bits behind the
// point) or int32_t (31 bits).

template <class T>
struct FftPair {
  T real, imaginary;
};

template <class T>
struct FftMath {
  static constexpr bool kFixed = std::is_integral_v<T>;
  static constexpr int kBits = 8 * static_cast<int>(sizeof(T)) - 1;
  using Pair = FftPair<T>;
  using Wide = std::conditional_t<kFixed, int64_t, T>;

  static T factor(double value) {
    if constexpr (kFixed) {
      return static_cast<T>(std::floor(0.5 + double(std::numeric_limits<T>::max()) * value));
    }
    return static_cast<T>(value);
  }
  /// The number of a sum or product of two fixed-point numbers.
  static T narrow(Wide value) { return static_cast<T>(value); }
  static T rounded(Wide product) {
    if constexpr (kFixed) return static_cast<T>((product + (Wide{1} << (kBits - 1))) >> kBits);
    return product;
  }
  static T multiply(T a, T b) { return rounded(Wide{a} * b); }
  /// Half of a sum: that of two int16 keeps its 17th bit, that of two int32 wraps before.
  static T half(Wide sum) {
    if constexpr (kFixed) return static_cast<T>(static_cast<int32_t>(sum) >> 1);
    return sum * T(0.5);
  }
  static T divide(T a, int radix) {
    if constexpr (kFixed) return multiply(a, static_cast<T>(std::numeric_limits<T>::max() / radix));
    return a;
  }

  static Pair add(Pair a, Pair b) {
    return {narrow(Wide{a.real} + b.real), narrow(Wide{a.imaginary} + b.imaginary)};
  }
  static Pair subtract(Pair a, Pair b) {
    return {narrow(Wide{a.real} - b.real), narrow(Wide{a.imaginary} - b.imaginary)};
  }
  static Pair multiply(Pair a, Pair b) {
    return {rounded(Wide{a.real} * b.real - Wide{a.imaginary} * b.imaginary),
            rounded(Wide{a.real} * b.imaginary + Wide{a.imaginary} * b.real)};
  }
  static Pair divide(Pair a, int radix) {
    return {divide(a.real, radix), divide(a.imaginary, radix)};
  }
  static Pair turn(double phase) { return {factor(std::cos(phase)), factor(std::sin(phase))}; }
};

/// Transforms of complex signals of one length.
template <class T>
class ComplexFft {
 public:
  using M = FftMath<T>;
  using Pair = FftPair<T>;
  using Wide = typename M::Wide;

  ComplexFft(int size, bool inverse) : size_(size), inverse_(inverse) {
    for (int i = 0; i < size; ++i) {
      const double phase = -2 * std::numbers::pi * i / size;
      turns_.push_back(M::turn(inverse ? -phase : phase));
    }
    int rest = size;
    int radix = 4;
    const double root = std::floor(std::sqrt(static_cast<double>(rest)));
    do {
      while (rest % radix != 0) {
        radix = radix == 4 ? 2 : radix == 2 ? 3 : radix + 2;
        if (radix > root) radix = rest;
      }
      rest /= radix;
      stages_.push_back({radix, rest});
    } while (rest > 1);
  }

  int size() const { return size_; }

  /// y = transform of x, which must not overlap; `scratch` holds size() pairs.
  void run(const Pair* x, Pair* y, Pair* scratch) const { run_stage(0, x, 1, y, scratch); }

 private:
  struct Stage {
    int radix, rest;
  };

  void run_stage(size_t index, const Pair* x, int stride, Pair* y, Pair* scratch) const {
    const auto [radix, rest] = stages_[index];
    for (int i = 0; i < radix; ++i) {
      if (rest == 1) {
        y[i] = x[i * stride];
      } else {
        run_stage(index + 1, x + i * stride, stride * radix, y + i * rest, scratch);
      }
    }
    for (int k = 0; k < rest; ++k) {
      switch (radix) {
        case 2:
          combine2(y + k, stride * k, rest);
          break;
        case 3:
          combine3(y + k, stride * k, rest, stride);
          break;
        case 4:
          combine4(y + k, stride * k, rest);
          break;
        case 5:
          combine5(y + k, stride * k, rest, stride);
          break;
        default:
          combine(y, k, rest, radix, stride, scratch);
      }
    }
  }

  const Pair& turn(int index) const { return turns_[static_cast<size_t>(index)]; }

  void combine2(Pair* y, int angle, int m) const {
    const Pair a = M::divide(y[0], 2);
    const Pair b = M::multiply(M::divide(y[m], 2), turn(angle));
    y[m] = M::subtract(a, b);
    y[0] = M::add(a, b);
  }

  void combine3(Pair* y, int angle, int m, int stride) const {
    const Pair a = M::divide(y[0], 3);
    const Pair b = M::multiply(M::divide(y[m], 3), turn(angle));
    const Pair c = M::multiply(M::divide(y[2 * m], 3), turn(2 * angle));
    const Pair sum = M::add(b, c);
    const Pair difference = M::subtract(b, c);
    const T sine = turn(stride * m).imaginary;
    const Pair side{M::narrow(Wide(a.real) - M::half(sum.real)),
                    M::narrow(Wide(a.imaginary) - M::half(sum.imaginary))};
    const T real = M::multiply(difference.real, sine);
    const T imaginary = M::multiply(difference.imaginary, sine);
    y[0] = M::add(a, sum);
    y[m] = {M::narrow(Wide(side.real) - imaginary), M::narrow(Wide(side.imaginary) + real)};
    y[2 * m] = {M::narrow(Wide(side.real) + imaginary), M::narrow(Wide(side.imaginary) - real)};
  }

  void combine4(Pair* y, int angle, int m) const {
    const Pair a = M::divide(y[0], 4);
    const Pair b = M::multiply(M::divide(y[m], 4), turn(angle));
    const Pair c = M::multiply(M::divide(y[2 * m], 4), turn(2 * angle));
    const Pair d = M::multiply(M::divide(y[3 * m], 4), turn(3 * angle));
    const Pair ac = M::add(a, c);
    const Pair bd = M::add(b, d);
    const Pair from = M::subtract(a, c);
    const Pair by = quarter(M::subtract(b, d));
    y[0] = M::add(ac, bd);
    y[2 * m] = M::subtract(ac, bd);
    y[m] = inverse_ ? M::subtract(from, by) : M::add(from, by);
    y[3 * m] = inverse_ ? M::add(from, by) : M::subtract(from, by);
  }

  void combine5(Pair* y, int angle, int m, int stride) const {
    const Pair ya = turn(stride * m);
    const Pair yb = turn(2 * stride * m);
    const Pair a = M::divide(y[0], 5);
    Pair x[5] = {};
    for (int i = 1; i < 5; ++i) x[i] = M::multiply(M::divide(y[i * m], 5), turn(i * angle));
    const Pair outer = M::add(x[1], x[4]);
    const Pair outer_rest = M::subtract(x[1], x[4]);
    const Pair inner = M::add(x[2], x[3]);
    const Pair inner_rest = M::subtract(x[2], x[3]);
    y[0] = M::add(a, M::add(outer, inner));
    const Pair near = M::add(M::add(a, scaled(outer, ya.real)), scaled(inner, yb.real));
    const Pair near_turn =
        quarter(M::add(scaled(outer_rest, ya.imaginary), scaled(inner_rest, yb.imaginary)));
    y[m] = M::subtract(near, near_turn);
    y[4 * m] = M::add(near, near_turn);
    const Pair far = M::add(M::add(a, scaled(outer, yb.real)), scaled(inner, ya.real));
    const Pair far_turn =
        quarter(M::subtract(scaled(inner_rest, ya.imaginary), scaled(outer_rest, yb.imaginary)));
    y[2 * m] = M::add(far, far_turn);
    y[3 * m] = M::subtract(far, far_turn);
  }

  static Pair scaled(Pair a, T factor) {
    return {M::multiply(a.real, factor), M::multiply(a.imaginary, factor)};
  }
  /// a times -i.
  static Pair quarter(Pair a) { return {a.imaginary, M::narrow(-Wide(a.real))}; }

  /// Any other radix; k counts from the start of the stage.
  void combine(Pair* y, int k, int m, int radix, int stride, Pair* scratch) const {
    for (int i = 0; i < radix; ++i) scratch[i] = M::divide(y[k + i * m], radix);
    for (int i = 0; i < radix; ++i) {
      int angle = 0;
      Pair sum = scratch[0];
      for (int j = 1; j < radix; ++j) {
        angle += stride * (k + i * m);
        if (angle >= size_) angle -= size_;
        sum = M::add(sum, M::multiply(scratch[j], turn(angle)));
      }
      y[k + i * m] = sum;
    }
  }

  int size_;
  bool inverse_;
  std::vector<Pair> turns_;
  std::vector<Stage> stages_;
};

/// Transforms of real signals of one even length, made of a complex one of half the length.
template <class T>
class RealFft {
 public:
  using M = FftMath<T>;
  using Pair = FftPair<T>;
  using Wide = typename M::Wide;

  RealFft(int length, bool inverse) : half_(length / 2, inverse) {
    SMELT_CHECK(length >= 2 && length % 2 == 0);
    for (int i = 0; i < length / 4; ++i) {
      const double phase = -std::numbers::pi * (static_cast<double>(i + 1) / (length / 2) + 0.5);
      turns_.push_back(M::turn(inverse ? -phase : phase));
    }
  }

  int length() const { return 2 * half_.size(); }
  /// Pairs of memory that a transform needs.
  int64_t scratch_pairs() const { return 2 * static_cast<int64_t>(half_.size()); }

  /// x [length] -> y [length / 2 + 1].
  void forward(const T* x, Pair* y, Pair* scratch) const {
    const int n = half_.size();
    Pair* z = scratch + n;
    half_.run(reinterpret_cast<const Pair*>(x), z, scratch);
    const Pair first = M::divide(z[0], 2);
    y[0] = {M::narrow(Wide(first.real) + first.imaginary), T{}};
    y[n] = {M::narrow(Wide(first.real) - first.imaginary), T{}};
    for (int k = 1; k <= n / 2; ++k) {
      const Pair a = M::divide(z[k], 2);
      const Pair b = M::divide(conjugate(z[n - k]), 2);
      const Pair sum = M::add(a, b);
      const Pair turned = M::multiply(M::subtract(a, b), turns_[static_cast<size_t>(k - 1)]);
      y[k] = {M::half(Wide(sum.real) + turned.real),
              M::half(Wide(sum.imaginary) + turned.imaginary)};
      y[n - k] = {M::half(Wide(sum.real) - turned.real),
                  M::half(Wide(turned.imaginary) - sum.imaginary)};
    }
  }

  /// x [length / 2 + 1] -> y [length].
  void backward(const Pair* x, T* y, Pair* scratch) const {
    const int n = half_.size();
    Pair* z = scratch + n;
    z[0] = M::divide(
        Pair{M::narrow(Wide(x[0].real) + x[n].real), M::narrow(Wide(x[0].real) - x[n].real)}, 2);
    for (int k = 1; k <= n / 2; ++k) {
      const Pair a = M::divide(x[k], 2);
      const Pair b = M::divide(conjugate(x[n - k]), 2);
      const Pair even = M::add(a, b);
      const Pair odd = M::multiply(M::subtract(a, b), turns_[static_cast<size_t>(k - 1)]);
      z[k] = M::add(even, odd);
      z[n - k] = conjugate(M::subtract(even, odd));
    }
    half_.run(z, reinterpret_cast<Pair*>(y), scratch);
  }

 private:
  static Pair conjugate(Pair a) { return {a.real, M::narrow(-Wide(a.imaginary))}; }

  ComplexFft<T> half_;
  std::vector<Pair> turns_;
};

}  // namespace smelt
