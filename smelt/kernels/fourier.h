#pragma once

#include <complex>
#include <vector>

namespace smelt {

/// The discrete Fourier transform of a power of two: X[k] = sum of x[n] exp(-2 pi i k n / N), in
/// place, in double precision.
class Fourier {
 public:
  explicit Fourier(int size);
  int size() const { return size_; }
  void transform(std::complex<double>* x) const;

 private:
  int size_ = 1;
  std::vector<std::complex<double>> turns_;  ///< exp(-2 pi i k / N), k < N / 2
};

inline bool is_power_of_two(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

}  // namespace smelt
