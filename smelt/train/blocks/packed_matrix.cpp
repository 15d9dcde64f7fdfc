#include "smelt/train/blocks/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace smelt::train {

PackedMatrix::PackedMatrix(int64_t n, int64_t k) : n_(n), k_(k) {
  lanes_ = gemm_kernels().lanes;
  width_ = 2 * lanes_;
  const int64_t padded = round_up(n, lanes_);
  values_ = AlignedArray<float>(padded * k);
}

template <class Visit>
void PackedMatrix::for_each_panel(int64_t first, int64_t last, Visit&& visit) {
  const int64_t padded = round_up(n_, lanes_);
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t begin = panel * width_;
    visit(begin, std::min(width_, padded - begin), values_.data() + begin * k_);
  }
}

void PackedMatrix::pack_rows(const float* b, int64_t first, int64_t last) {
  constexpr int64_t kBlock = 16;  // values of K at a time: whole cache lines of b are used
  for_each_panel(first, last, [&](int64_t begin, int64_t room, float* to) {
    const int64_t columns = std::min(room, n_ - begin);
    for (int64_t k0 = 0; k0 < k_; k0 += kBlock) {
      const int64_t k1 = std::min(k0 + kBlock, k_);
      for (int64_t i = 0; i < columns; ++i) {
        const float* from = b + (begin + i) * k_;
        for (int64_t k = k0; k < k1; ++k) to[k * room + i] = from[k];
      }
    }
  });
}

void PackedMatrix::pack_columns(const float* b, int64_t first, int64_t last) {
  for_each_panel(first, last, [&](int64_t begin, int64_t room, float* to) {
    const auto bytes = static_cast<size_t>(std::min(room, n_ - begin)) * sizeof(float);
    for (int64_t k = 0; k < k_; ++k) std::memcpy(to + k * room, b + k * n_ + begin, bytes);
  });
}

void PackedMatrix::multiply(const float* x, int64_t ldx, int64_t m, int64_t first, int64_t last,
                            float* y, int64_t ldy) const {
  const int64_t begin = column(first);
  const int64_t end = column(last);
  if (m == 0 || begin >= end) return;
  FloatGemm gemm{
      .n = end - begin,
      .k = k_,
      .bias = AlignedArray<float>(round_up(end - begin, lanes_)),
      .range = {-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()},
      .run = gemm_kernels().float32};
  const GemmRows<float> rows{
      .segments = &x, .count = 1, .stride = ldx, .weights = values_.data() + begin * k_};
  gemm.run(gemm, rows, m, y + begin, ldy);
}

}  // namespace smelt::train
