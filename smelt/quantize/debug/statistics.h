#pragma once

#include <cstdint>
#include <span>

namespace smelt {

/// How the values of a quantized tensor differ from those of a float one. The first five are those
/// of TensorFlow's QuantizationDebugger (lite/tools/optimize/debugging/python/debugger.py):
/// computed of each sample's differences, quantized - float, and averaged over samples.
struct ErrorStats {
  int64_t num_elements = 0;  ///< of one sample
  double stddev = 0;         ///< population standard deviation
  double mean_error = 0;
  double max_abs_error = 0;
  double mean_squared_error = 0;
  /// 10 log10(sum of squares of the float values / sum of squared differences), over all samples;
  /// infinite where nothing differs.
  double sqnr_db = 0;
  double cosine =
      0;  ///< of the angle between all float and all quantized values; 1 where both are 0
};

/// Sums that ErrorStats are made of. Adding samples and merging in the same order gives the same.
class ErrorSums {
 public:
  /// One sample: as many float values as quantized ones, at least one.
  void add(std::span<const float> reference, std::span<const float> values);
  void merge(const ErrorSums& other);
  ErrorStats stats() const;

 private:
  int64_t samples_ = 0;
  int64_t elements_ = 0;                                          ///< of one sample
  double stddev_ = 0, mean_ = 0, largest_ = 0, mean_square_ = 0;  ///< sums over samples
  double errors_ = 0, references_ = 0, values_ = 0, products_ = 0;
};

/// Mean of (a - b)^2 over the elements.
double mean_squared_difference(std::span<const float> a, std::span<const float> b);

}  // namespace smelt
