#include "smelt/kernels/fourier.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "smelt/base/error.h"

namespace smelt {

Fourier::Fourier(int size) : size_(size) {
  SMELT_CHECK(is_power_of_two(size));
  for (int k = 0; k < size / 2; ++k) {
    turns_.push_back(std::polar(1.0, -2.0 * std::numbers::pi * k / size));
  }
}

void Fourier::transform(std::complex<double>* x) const {
  for (int i = 1, reversed = 0; i < size_; ++i) {
    int bit = size_ >> 1;
    for (; (reversed & bit) != 0; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (i < reversed) std::swap(x[i], x[reversed]);
  }
  for (int half = 1; half < size_; half *= 2) {
    const int step = size_ / (2 * half);
    for (int block = 0; block < size_; block += 2 * half) {
      for (int k = 0; k < half; ++k) {
        const std::complex<double> turn = turns_[static_cast<size_t>(k * step)];
        const std::complex<double> b = x[block + k + half];
        const std::complex<double> turned(b.real() * turn.real() - b.imag() * turn.imag(),
                                          b.real() * turn.imag() + b.imag() * turn.real());
        x[block + k + half] = x[block + k] - turned;
        x[block + k] += turned;
      }
    }
  }
}

}  // namespace smelt
