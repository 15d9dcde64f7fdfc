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

/// R rows from `row` on times V vectors of columns. K is cut into U interleaved sums where R is
/// small, so that enough independent multiply-adds are under way.
template <int R, int V, int U>
HWY_NOINLINE void FloatTile(const FloatGemm& g, const GemmRows<float>& x, int64_t row,
                            int64_t column, float* HWY_RESTRICT y, int64_t ldy) {
  const hn::ScalableTag<float> d;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = V * lanes;
  const int64_t length = g.k / x.count;
  const int64_t stride = x.stride;
  const float* HWY_RESTRICT w =
      (x.weights != nullptr ? static_cast<const float*>(x.weights) : g.weights.data()) +
      column * g.k;
  Vec sum[U][R][V];
#pragma GCC unroll 4
  for (int u = 0; u < U; ++u) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[u][r][v] = hn::Zero(d);
    }
  }
  for (int64_t s = 0; s < x.count; ++s) {
    const float* HWY_RESTRICT from = x.segments[s] + row * stride;
    int64_t k = 0;
    for (; k + U <= length; k += U) {
#pragma GCC unroll 4
      for (int u = 0; u < U; ++u) {
        Vec wv[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) wv[v] = hn::Load(d, w + u * width + v * lanes);
#pragma GCC unroll 6
        for (int r = 0; r < R; ++r) {
          const Vec xv = hn::Set(d, from[r * stride + k + u]);
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) sum[u][r][v] = hn::MulAdd(xv, wv[v], sum[u][r][v]);
        }
      }
      w += U * width;
    }
    if (U == 1) continue;
    for (; k < length; ++k, w += width) {
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) {
        const Vec xv = hn::Set(d, from[r * stride + k]);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          sum[0][r][v] = hn::MulAdd(xv, hn::Load(d, w + v * lanes), sum[0][r][v]);
        }
      }
    }
  }
  const Vec low = hn::Set(d, g.range.low);
  const Vec high = hn::Set(d, g.range.high);
  const int64_t valid = g.n - column;
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      Vec total = sum[0][r][v];
#pragma GCC unroll 4
      for (int u = 1; u < U; ++u) total = hn::Add(total, sum[u][r][v]);
      total = hn::Add(total, hn::Load(d, g.bias.data() + column + v * lanes));
      total = hn::Min(high, hn::Max(low, total));
      float* to = y + (row + r) * ldy + v * lanes;
      const int64_t count = valid - v * lanes;
      if (count >= lanes) {
        hn::StoreU(total, d, to);
      } else {
        HWY_ALIGN float buffer[HWY_MAX_BYTES / sizeof(float)];
        hn::Store(total, d, buffer);
        std::memcpy(to, buffer, static_cast<size_t>(count) * sizeof(float));
      }
    }
  }
}

/// One panel of columns. Rows are dealt out evenly to tiles, because small tiles are slow.
template <int V>
HWY_NOINLINE void FloatPanel(const FloatGemm& g, const GemmRows<float>& x, int64_t m,
                             int64_t column, float* y, int64_t ldy) {
  for (int64_t row = 0, tiles = (m + 5) / 6; tiles > 0; --tiles) {
    const int64_t rows = (m - row + tiles - 1) / tiles;
    switch (rows) {
      case 6:
        FloatTile<6, V, 1>(g, x, row, column, y, ldy);
        break;
      case 5:
        FloatTile<5, V, 1>(g, x, row, column, y, ldy);
        break;
      case 4:
        FloatTile<4, V, 1>(g, x, row, column, y, ldy);
        break;
      case 3:
        FloatTile<3, V, 2>(g, x, row, column, y, ldy);
        break;
      case 2:
        FloatTile<2, V, 2>(g, x, row, column, y, ldy);
        break;
      default:
        FloatTile<1, V, 4>(g, x, row, column, y, ldy);
    }
    row += rows;
  }
}

void RunFloat(const FloatGemm& g, const GemmRows<float>& x, int64_t m, float* y, int64_t ldy) {
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
