#pragma once

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/litert_rules.h"

namespace smelt {

/// ADD and SUB of 8-bit values: both operands on a common scale, ((v - zero) << left) * multiplier,
/// added, scaled to the output. Multipliers only shift right.
struct SumRow {
  int32_t zero_a = 0, zero_b = 0, zero_y = 0;
  int left = 0;
  FixedMultiplier a, b, y;
  bool subtract = false;
  IntRange range;
};

/// MUL of 8-bit values: (a - zero_a) * (b - zero_b) * multiplier.
struct ProductRow {
  int32_t zero_a = 0, zero_b = 0, zero_y = 0;
  FixedMultiplier y;
  IntRange range;
};

/// XNNPACK's MUL: (a - zero_a) * (b - zero_b) through apply_scale.
struct ScaledProductRow {
  int32_t zero_a = 0, zero_b = 0, zero_y = 0;
  float scale = 0;
  IntRange range;
};

/// Rows of 8-bit values in vectors of the machine's best instruction set; the same bytes as the
/// plain formulas above. An operand that does not advance is one value. T is int8_t or uint8_t.
template <class T>
struct ByteRows {
  using Sum = void (*)(const SumRow&, const T* a, bool a_advances, const T* b, bool b_advances,
                       T* y, int64_t count);
  using Product = void (*)(const ProductRow&, const T* a, bool a_advances, const T* b,
                           bool b_advances, T* y, int64_t count);
  using Xnnpack = void (*)(const XnnpackSum&, const T* a, bool a_advances, const T* b,
                           bool b_advances, T* y, int64_t count);
  using Scaled = void (*)(const ScaledProductRow&, const T* a, bool a_advances, const T* b,
                          bool b_advances, T* y, int64_t count);
  Sum sum = nullptr;
  Product product = nullptr;
  Xnnpack xnnpack_sum = nullptr;
  Scaled scaled_product = nullptr;
};

ByteRows<int8_t> int8_rows();
ByteRows<uint8_t> uint8_rows();

}  // namespace smelt
