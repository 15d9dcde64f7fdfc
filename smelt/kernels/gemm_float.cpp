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

/// R rows times V vectors of columns. K is cut into U interleaved sums where R is small, so that
/// enough independent multiply-adds are under way.
template <int R, int V, int U>
HWY_INLINE void FloatTile(const FloatGemm& g, const float* HWY_RESTRICT x, int64_t ldx,
                          int64_t column, float* HWY_RESTRICT y, int64_t ldy) {
  const hn::ScalableTag<float> d;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = V * lanes;
  const float* HWY_RESTRICT w = g.weights.data() + column * g.k;
  Vec sum[U][R][V];
#pragma GCC unroll 4
  for (int u = 0; u < U; ++u) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[u][r][v] = hn::Zero(d);
    }
  }
  int64_t k = 0;
  for (; k + U <= g.k; k += U) {
#pragma GCC unroll 4
    for (int u = 0; u < U; ++u) {
      Vec wv[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) wv[v] = hn::Load(d, w + u * width + v * lanes);
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) {
        const Vec xv = hn::Set(d, x[r * ldx + k + u]);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sum[u][r][v] = hn::MulAdd(xv, wv[v], sum[u][r][v]);
      }
    }
    w += U * width;
  }
  for (; k < g.k; ++k, w += width) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const Vec xv = hn::Set(d, x[r * ldx + k]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        sum[0][r][v] = hn::MulAdd(xv, hn::Load(d, w + v * lanes), sum[0][r][v]);
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
      float* to = y + r * ldy + v * lanes;
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

template <int V>
HWY_NOINLINE void FloatPanel(const FloatGemm& g, const float* x, int64_t ldx, int64_t m,
                             int64_t column, float* y, int64_t ldy) {
  int64_t row = 0;
  for (; row + 6 <= m; row += 6) {
    FloatTile<6, V, 1>(g, x + row * ldx, ldx, column, y + row * ldy, ldy);
  }
  x += row * ldx;
  y += row * ldy;
  switch (m - row) {
    case 5:
      return FloatTile<5, V, 1>(g, x, ldx, column, y, ldy);
    case 4:
      return FloatTile<4, V, 1>(g, x, ldx, column, y, ldy);
    case 3:
      return FloatTile<3, V, 2>(g, x, ldx, column, y, ldy);
    case 2:
      return FloatTile<2, V, 2>(g, x, ldx, column, y, ldy);
    case 1:
      return FloatTile<1, V, 4>(g, x, ldx, column, y, ldy);
    default:
      return;
  }
}

void RunFloat(const FloatGemm& g, const float* x, int64_t ldx, int64_t m, float* y, int64_t ldy) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t padded = round_up(g.n, lanes);
  for (int64_t column = 0; column < padded; column += 2 * lanes) {
    if (padded - column > lanes) {
      FloatPanel<2>(g, x, ldx, m, column, y + column, ldy);
    } else {
      FloatPanel<1>(g, x, ldx, m, column, y + column, ldy);
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
