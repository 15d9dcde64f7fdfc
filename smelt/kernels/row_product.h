#pragma once

#include <memory>
#include <vector>

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

// Products of recurrent cells: y[M, parts * units] = x[M,K] * W^T, where every part (a gate) has
// weights [units,K] in an operand of its own. The rows of x may be the steps of a whole sequence.

/// Operands that hold the parts.
struct StackedWeights {
  std::vector<size_t> weights;
  std::vector<size_t> biases;  ///< [units] each, or empty
  int64_t units = 0;
  int64_t k = 0;

  int64_t columns() const { return units * static_cast<int64_t>(weights.size()); }
};

/// Rows of float values times float32 weights, or int8 weights as LiteRT's hybrid kernels multiply
/// them: each row is quantized to int8 (symmetrically, or with a zero point), the exact sum of
/// products is scaled by both scales (PortableSymmetricQuantizeFloats,
/// PortableAsymmetricQuantizeFloats, MatrixBatchVectorMultiplyAccumulate). uint8 weights are read
/// as int8, as there. Weights of rank 1 are diagonal matrices: [units] with K = units, float32.
class RowProduct {
 public:
  RowProduct() = default;
  /// Types and shapes of weights and biases are checked; they may be computed at run time.
  RowProduct(const PrepareArgs& args, StackedWeights weights, bool asymmetric);

  int64_t columns() const { return stack_.columns(); }
  int64_t scratch_bytes(int64_t m) const;
  void run(const InvokeArgs& args, const float* x, int64_t m, float* y, std::byte* scratch) const;

 private:
  void run_hybrid(const InvokeArgs& args, const float* x, int64_t m, float* y,
                  std::byte* scratch) const;
  void run_plain(const InvokeArgs& args, const float* x, int64_t m, float* y) const;
  void run_diagonal(const InvokeArgs& args, const float* x, int64_t m, float* y) const;

  StackedWeights stack_;
  bool asymmetric_ = false;
  bool diagonal_ = false;
  std::vector<float> scales_;  ///< of int8 weights, one per part; empty for float32
  std::shared_ptr<const FloatGemm> floats_;
  std::shared_ptr<const IntGemm> ints_;
};

/// How integer sums become results: multiplied per part and clamped.
struct IntRowOptions {
  std::vector<FixedMultiplier> multipliers;  ///< one per part
  std::vector<int32_t> zeros;                ///< of the weights, one per part; empty: 0
  IntRange range;
  bool sums64 = false;  ///< biases are int64, and 16-bit rows are multiplied as 15-bit kernels do
};

/// Rows of int16 values (zero point subtracted) times constant int8 weights, to int32.
/// Sums of 32 bits: |x| < 2^9. Biases are int32 or int64 constants.
class IntRowProduct {
 public:
  IntRowProduct() = default;
  IntRowProduct(const PrepareArgs& args, StackedWeights weights, IntRowOptions options);

  int64_t columns() const { return stack_.columns(); }
  /// Values from one row of x to the next; one value behind the last row must be readable.
  int64_t stride() const { return round_up(stack_.k, 2); }
  void run(const InvokeArgs& args, const int16_t* x, int64_t m, int32_t* y) const;

 private:
  StackedWeights stack_;
  IntRowOptions options_;
  std::shared_ptr<const IntGemm> gemm_;
};

/// Copies rows of k values to rows `stride` apart, zero point subtracted; what is between is 0.
void copy_rows(const int8_t* x, int32_t zero, int64_t m, int64_t k, int64_t stride, int16_t* to);
void copy_rows(const int16_t* x, int32_t zero, int64_t m, int64_t k, int64_t stride, int16_t* to);

}  // namespace smelt
