#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/gemm_int.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <cstring>

#include "hwy/highway.h"
#include "smelt/kernels/gemm_targets.h"
#include "smelt/kernels/requantize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

template <int R, int V, int U, class W>
HWY_INLINE void IntTile(const IntGemm& g, const W* weights, const int16_t* x, int64_t ldx,
                        int64_t column, uint8_t* y, int64_t ldy) {
  const hn::ScalableTag<int32_t> d;
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      int32_t sum = g.bias[column + v];
      const W* w = weights + column * g.depth + 2 * v;
      for (int64_t k = 0; k < g.k; ++k) {
        sum = wrapping_add(sum, x[r * ldx + k] * w[k / 2 * 2 * V + k % 2]);
      }
      const auto value = RequantizeVector(d, hn::Set(d, sum), g.requantization, column + v);
      StoreBytes(d, value, g.output, y + r * ldy + v, g.n - column - v);
    }
  }
}

#else

/// Keeps GCC from computing all products first and spilling the sums to hold them (a factor of 2).
template <class V32>
HWY_INLINE void KeepInRegister(V32& v) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC_ACTUAL
  asm volatile("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

template <class D16>
HWY_INLINE hn::Vec<D16> LoadWeights(D16 d, const int8_t* w) {
  const hn::Rebind<int8_t, D16> narrow;
  return hn::PromoteTo(d, hn::LoadU(narrow, w));
}
template <class D16>
HWY_INLINE hn::Vec<D16> LoadWeights(D16 d, const int16_t* w) {
  return hn::Load(d, w);
}

/// As FloatTile, two values of K at a time.
template <int R, int V, int U, class W>
HWY_INLINE void IntTile(const IntGemm& g, const W* HWY_RESTRICT weights,
                        const int16_t* HWY_RESTRICT x, int64_t ldx, int64_t column,
                        uint8_t* HWY_RESTRICT y, int64_t ldy) {
  const hn::ScalableTag<int32_t> d;
  const hn::Repartition<int16_t, decltype(d)> d16;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = 2 * V * lanes;
  const W* HWY_RESTRICT w = weights + column * g.depth;
  Vec sum[U][R][V];
#pragma GCC unroll 4
  for (int u = 0; u < U; ++u) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[u][r][v] = hn::Zero(d);
    }
  }
  int64_t k = 0;
  for (; k + 2 * U <= g.depth; k += 2 * U) {
#pragma GCC unroll 4
    for (int u = 0; u < U; ++u) {
      hn::Vec<decltype(d16)> wv[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) wv[v] = LoadWeights(d16, w + u * width + 2 * v * lanes);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        int32_t pair;
        std::memcpy(&pair, x + r * ldx + k + 2 * u, sizeof(pair));
        const auto xv = hn::BitCast(d16, hn::Set(d, pair));
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          sum[u][r][v] = AddPairProducts(d, xv, wv[v], sum[u][r][v]);
          KeepInRegister(sum[u][r][v]);
        }
      }
    }
    w += U * width;
  }
  for (; k < g.depth; k += 2, w += width) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      int32_t pair;
      std::memcpy(&pair, x + r * ldx + k, sizeof(pair));
      const auto xv = hn::BitCast(d16, hn::Set(d, pair));
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        sum[0][r][v] = AddPairProducts(d, xv, LoadWeights(d16, w + 2 * v * lanes), sum[0][r][v]);
      }
    }
  }
  const int64_t valid = g.n - column;
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      Vec total = sum[0][r][v];
#pragma GCC unroll 4
      for (int u = 1; u < U; ++u) total = hn::Add(total, sum[u][r][v]);
      const int64_t at = column + v * lanes;
      total = hn::Add(total, hn::Load(d, g.bias.data() + at));
      const Vec value = RequantizeVector(d, total, g.requantization, at);
      StoreBytes(d, value, g.output, y + r * ldy + v * lanes, valid - v * lanes);
    }
  }
}

#endif  // HWY_SCALAR

template <int V, class W>
HWY_NOINLINE void IntPanel(const IntGemm& g, const W* w, const int16_t* x, int64_t ldx, int64_t m,
                           int64_t column, uint8_t* y, int64_t ldy) {
  int64_t row = 0;
  for (; row + 4 <= m; row += 4) {  // more rows would not fit into 16 registers
    IntTile<4, V, 1>(g, w, x + row * ldx, ldx, column, y + row * ldy, ldy);
  }
  x += row * ldx;
  y += row * ldy;
  switch (m - row) {
    case 3:
      return IntTile<3, V, 1>(g, w, x, ldx, column, y, ldy);
    case 2:
      return IntTile<2, V, 2>(g, w, x, ldx, column, y, ldy);
    case 1:
      return IntTile<1, V, 4>(g, w, x, ldx, column, y, ldy);
    default:
      return;
  }
}

template <class W>
HWY_INLINE void RunInt(const IntGemm& g, const W* w, const int16_t* x, int64_t ldx, int64_t m,
                       void* y, int64_t ldy) {
  const hn::ScalableTag<int32_t> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t padded = round_up(g.n, lanes);
  auto* bytes = static_cast<uint8_t*>(y);
  for (int64_t column = 0; column < padded; column += 2 * lanes) {
    if (padded - column > lanes) {
      IntPanel<2>(g, w, x, ldx, m, column, bytes + column, ldy);
    } else {
      IntPanel<1>(g, w, x, ldx, m, column, bytes + column, ldy);
    }
  }
}

void RunInt8(const IntGemm& g, const int16_t* x, int64_t ldx, int64_t m, void* y, int64_t ldy) {
  RunInt(g, g.weights8.data(), x, ldx, m, y, ldy);
}
void RunInt16(const IntGemm& g, const int16_t* x, int64_t ldx, int64_t m, void* y, int64_t ldy) {
  RunInt(g, g.weights16.data(), x, ldx, m, y, ldy);
}

IntGemmKernel ChooseInt() {
  return {static_cast<int>(hn::Lanes(hn::ScalableTag<int32_t>())), RunInt8, RunInt16};
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(ChooseInt);
IntGemmKernel int_gemm_kernel() { return HWY_DYNAMIC_DISPATCH(ChooseInt)(); }
}  // namespace smelt
#endif
