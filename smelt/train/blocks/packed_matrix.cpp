#include "smelt/train/blocks/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "smelt/train/blocks/row_math.h"

namespace smelt::train {

Panels::Panels(int64_t n, int64_t k)
    : n_(n), k_(k), lanes_(gemm_kernels().lanes), width_(2 * lanes_) {}

void Panels::pack_rows(const float* b, int64_t panel, float* to) const {
  const int64_t first = column(panel);
  const int64_t columns = column(panel + 1) - first;
  if (columns < room(panel)) std::fill_n(to, room(panel) * k_, 0.0f);
  transpose(columns, k_, b + first * k_, k_, to, room(panel));
}

void Panels::pack_columns(const float* b, int64_t panel, float* to) const {
  const int64_t first = column(panel);
  const int64_t columns = column(panel + 1) - first;
  const int64_t step = room(panel);
  if (columns < step) std::fill_n(to, step * k_, 0.0f);
  const auto bytes = static_cast<size_t>(columns) * sizeof(float);
  for (int64_t k = 0; k < k_; ++k) std::memcpy(to + k * step, b + k * n_ + first, bytes);
}

void Panels::multiply(const float* packed, int64_t first, int64_t last, const float* x, int64_t ldx,
                      int64_t m, float* y, int64_t ldy) const {
  const int64_t begin = column(first);
  const int64_t end = column(last);
  if (m == 0 || begin >= end) return;
  const FloatGemm gemm{
      .n = end - begin,
      .k = k_,
      .bias = AlignedArray<float>(round_up(end - begin, lanes_)),
      .range = {-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()},
      .run = gemm_kernels().float32};
  const GemmRows<float> rows{.segments = &x, .count = 1, .stride = ldx, .weights = packed};
  gemm.run(gemm, rows, m, y + begin, ldy);
}

void PackedMatrix::pack_rows(const float* b, int64_t first, int64_t last) {
  for (int64_t p = first; p < last; ++p) {
    panels_.pack_rows(b, p, values_.data() + p * panels_.panel_size());
  }
}

void PackedMatrix::pack_columns(const float* b, int64_t first, int64_t last) {
  for (int64_t p = first; p < last; ++p) {
    panels_.pack_columns(b, p, values_.data() + p * panels_.panel_size());
  }
}

}  // namespace smelt::train
