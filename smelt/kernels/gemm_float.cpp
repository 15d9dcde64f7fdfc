#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/gemm_float.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <cstring>

#include "hwy/highway.h"
#include "smelt/kernels/gemm_targets.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// R rows from `row` on times P panels of V vectors of columns each. Every sum runs through K in
/// order, however many rows there are, so that results do not depend on the batch; few rows take
/// more panels, so that enough independent multiply-adds are under way.
template <int R, int P, int V>
HWY_NOINLINE void FloatTile(const FloatGemm& g, const GemmRows<float>& x, int64_t row,
                            int64_t column, float* HWY_RESTRICT y, int64_t ldy) {
  const hn::ScalableTag<float> d;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = V * lanes;
  const int64_t length = g.k / x.count;
  const int64_t stride = x.stride;
  const int64_t panel = width * g.k;
  const float* HWY_RESTRICT w =
      (x.weights != nullptr ? static_cast<const float*>(x.weights) : g.weights.data()) +
      column * g.k;
  Vec sum[R][P][V];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        sum[r][p][v] = hn::Load(d, g.bias.data() + column + p * width + v * lanes);
      }
    }
  }
  for (int64_t s = 0; s < x.count; ++s) {
    const float* HWY_RESTRICT from = x.segments[s] + row * stride;
    for (int64_t k = 0; k < length; ++k, w += width) {
      Vec wv[P][V];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) wv[p][v] = hn::Load(d, w + p * panel + v * lanes);
      }
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) {
        const Vec xv = hn::Set(d, from[r * stride + k]);
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) sum[r][p][v] = hn::MulAdd(xv, wv[p][v], sum[r][p][v]);
        }
      }
    }
  }
  const Vec low = hn::Set(d, g.range.low);
  const Vec high = hn::Set(d, g.range.high);
  // Where columns of the last panel are missing, values take a way round.
  constexpr int64_t kMostLanes = HWY_MAX_BYTES / sizeof(float);
  HWY_ALIGN float buffer[R * P * V * kMostLanes];
  const int64_t valid = g.n - column;
  const bool whole = valid >= P * width;
  float* to = whole ? y + row * ldy : buffer;
  const int64_t to_step = whole ? ldy : P * width;
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r, to += to_step) {
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        hn::StoreU(hn::Min(high, hn::Max(low, sum[r][p][v])), d, to + p * width + v * lanes);
      }
    }
  }
  if (whole) return;
  for (int r = 0; r < R; ++r) {
    std::memcpy(y + (row + r) * ldy, buffer + r * P * width,
                static_cast<size_t>(valid) * sizeof(float));
  }
}

/// `rows` rows of a panel, at most R.
template <int R, int V>
HWY_INLINE void FloatTileOf(int64_t rows, const FloatGemm& g, const GemmRows<float>& x, int64_t row,
                            int64_t column, float* y, int64_t ldy) {
  if constexpr (R > 3) {
    if (rows < R) return FloatTileOf<R - 1, V>(rows, g, x, row, column, y, ldy);
  }
  FloatTile<R, 1, V>(g, x, row, column, y, ldy);
}

/// One panel of columns, at least 3 rows. Rows are dealt out evenly to tiles, because small tiles
/// are slow; 12 sums fit into 16 registers.
template <int V>
HWY_NOINLINE void FloatPanel(const FloatGemm& g, const GemmRows<float>& x, int64_t m,
                             int64_t column, float* y, int64_t ldy) {
  constexpr int kRows = 12 / V;
  for (int64_t row = 0, tiles = (m + kRows - 1) / kRows; tiles > 0; --tiles) {
    const int64_t rows = (m - row + tiles - 1) / tiles;
    FloatTileOf<kRows, V>(rows, g, x, row, column, y, ldy);
    row += rows;
  }
}

/// R rows and no more: several panels at a time.
template <int R>
HWY_NOINLINE void FloatRows(const FloatGemm& g, const GemmRows<float>& x, float* y, int64_t ldy) {
  constexpr int kPanels = R == 1 ? 4 : 2;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  const int64_t padded = round_up(g.n, lanes);
  int64_t column = 0;
  for (; column + 2 * kPanels * lanes <= padded; column += 2 * kPanels * lanes) {
    FloatTile<R, kPanels, 2>(g, x, 0, column, y + column, ldy);
  }
  for (; column + 2 * lanes <= padded; column += 2 * lanes) {
    FloatTile<R, 1, 2>(g, x, 0, column, y + column, ldy);
  }
  if (column < padded) FloatTile<R, 1, 1>(g, x, 0, column, y + column, ldy);
}

void RunFloat(const FloatGemm& g, const GemmRows<float>& x, int64_t m, float* y, int64_t ldy) {
  if (m == 1) return FloatRows<1>(g, x, y, ldy);
  if (m == 2) return FloatRows<2>(g, x, y, ldy);
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t padded = round_up(g.n, lanes);
  for (int64_t column = 0; column < padded; column += 2 * lanes) {
    if (padded - column > lanes) {
      FloatPanel<2>(g, x, m, column, y + column, ldy);
    } else {
      FloatPanel<1>(g, x, m, column, y + column, ldy);
    }
  }
}

FloatGemmKernel ChooseFloat() {
  return {static_cast<int>(hn::Lanes(hn::ScalableTag<float>())), RunFloat};
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(ChooseFloat);
FloatGemmKernel float_gemm_kernel() { return HWY_DYNAMIC_DISPATCH(ChooseFloat)(); }
}  // namespace smelt
#endif
