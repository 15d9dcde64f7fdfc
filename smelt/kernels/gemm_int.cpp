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
HWY_NOINLINE void IntTile(const IntGemm& g, const W* weights, const GemmRows<int16_t>& x,
                          int64_t row, int64_t column, uint8_t* y, int64_t ldy) {
  const hn::ScalableTag<int32_t> d;
  const int64_t length = g.depth / x.count;
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      int32_t sum = g.bias[column + v];
      for (int64_t k = 0; k < g.depth; ++k) {
        const int16_t* from = x.segments[k / length] + (row + r) * x.stride + k % length;
        const W* w = weights + column * g.depth + k / 2 * 2 * V + 2 * v + k % 2;
        if (*w != 0) sum = wrapping_add(sum, *from * *w);
      }
      const Requantization& q = g.requantization;
      const auto shifted = ShiftSum(d, hn::Set(d, sum), q, column + v);
      const auto value =
          q.real ? RealRule(d, q, column + v)(d, shifted) : FixedRule(d, q, column + v)(d, shifted);
      StoreBytes(d, value, g.output, y + (row + r) * ldy + v * g.value_bytes(), g.n - column - v);
    }
  }
}

#else

/// The pair of values at `x` in every 32-bit lane.
template <class D16>
HWY_INLINE hn::Vec<D16> LoadPair(D16 d, const int16_t* x) {
  const hn::Repartition<int32_t, D16> d32;
  int32_t pair;
  std::memcpy(&pair, x, sizeof(pair));
  return hn::BitCast(d, hn::Set(d32, pair));
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

template <template <class> class Rule, int R, int V, class D>
HWY_INLINE void StoreTile(D d, const IntGemm& g, const hn::Vec<D> (&sum)[R][V], int64_t column,
                          uint8_t* HWY_RESTRICT y, int64_t ldy) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t valid = g.n - column;
  const DataType output = g.output;
  const int64_t bytes = g.value_bytes();
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    const Rule<D> rule(d, g.requantization, column + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      StoreBytes(d, rule(d, sum[r][v]), output, y + r * ldy + v * lanes * bytes, valid - v * lanes);
    }
  }
}

/// As FloatTile, two values of K at a time.
template <int R, int V, int U, class W>
HWY_NOINLINE void IntTile(const IntGemm& g, const W* HWY_RESTRICT weights,
                          const GemmRows<int16_t>& x, int64_t row, int64_t column,
                          uint8_t* HWY_RESTRICT y, int64_t ldy) {
  const hn::ScalableTag<int32_t> d;
  const hn::Repartition<int16_t, decltype(d)> d16;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = 2 * V * lanes;
  const int64_t length = g.depth / x.count;
  const int64_t stride = x.stride;
  const W* HWY_RESTRICT w = weights + column * g.depth;
  Vec sum[U][R][V];
#pragma GCC unroll 4
  for (int u = 0; u < U; ++u) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        sum[u][r][v] = u == 0 ? hn::Load(d, g.bias.data() + column + v * lanes) : hn::Zero(d);
      }
    }
  }
  for (int64_t s = 0; s < x.count; ++s) {
    const int16_t* HWY_RESTRICT from = x.segments[s] + row * stride;
    int64_t k = 0;
    for (; k + 2 * U <= length; k += 2 * U) {
#pragma GCC unroll 4
      for (int u = 0; u < U; ++u) {
        hn::Vec<decltype(d16)> wv[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) wv[v] = LoadWeights(d16, w + u * width + 2 * v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const auto xv = LoadPair(d16, from + r * stride + k + 2 * u);
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) {
            sum[u][r][v] = AddPairProducts(d, xv, wv[v], sum[u][r][v]);
            KeepInRegister(sum[u][r][v]);
          }
        }
      }
      w += U * width;
    }
    if (U == 1) continue;
    for (; k < length; k += 2, w += width) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const auto xv = LoadPair(d16, from + r * stride + k);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          sum[0][r][v] = AddPairProducts(d, xv, LoadWeights(d16, w + 2 * v * lanes), sum[0][r][v]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
#pragma GCC unroll 4
      for (int u = 1; u < U; ++u) sum[0][r][v] = hn::Add(sum[0][r][v], sum[u][r][v]);
    }
  }
  if (g.requantization.any_left) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        sum[0][r][v] = ShiftSum(d, sum[0][r][v], g.requantization, column + v * lanes);
      }
    }
  }
  if (g.requantization.real) {
    StoreTile<RealRule, R, V>(d, g, sum[0], column, y + row * ldy, ldy);
  } else {
    StoreTile<FixedRule, R, V>(d, g, sum[0], column, y + row * ldy, ldy);
  }
}

#endif  // HWY_SCALAR

/// `rows` rows of a panel, at most R. K is cut into interleaved sums where R is small, so that
/// enough independent products are under way.
template <int R, int V, class W>
HWY_INLINE void IntTileOf(int64_t rows, const IntGemm& g, const W* w, const GemmRows<int16_t>& x,
                          int64_t row, int64_t column, uint8_t* y, int64_t ldy) {
  if constexpr (R > 1) {
    if (rows < R) return IntTileOf<R - 1, V>(rows, g, w, x, row, column, y, ldy);
  }
  IntTile<R, V, R == 1 ? 4 : R == 2 ? 2 : 1>(g, w, x, row, column, y, ldy);
}

/// As FloatPanel; more than 8 sums would not fit into 16 registers.
template <int V, class W>
HWY_NOINLINE void IntPanel(const IntGemm& g, const W* w, const GemmRows<int16_t>& x, int64_t m,
                           int64_t column, uint8_t* y, int64_t ldy) {
  constexpr int kRows = 8 / V;
  for (int64_t row = 0, tiles = (m + kRows - 1) / kRows; tiles > 0; --tiles) {
    const int64_t rows = (m - row + tiles - 1) / tiles;
    IntTileOf<kRows, V>(rows, g, w, x, row, column, y, ldy);
    row += rows;
  }
}

template <class W>
HWY_INLINE void RunInt(const IntGemm& g, const W* w, const GemmRows<int16_t>& x, int64_t m, void* y,
                       int64_t ldy) {
  const hn::ScalableTag<int32_t> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t padded = round_up(g.n, lanes);
  auto* bytes = static_cast<uint8_t*>(y);
  for (int64_t column = 0; column < padded; column += 2 * lanes) {
    if (padded - column > lanes) {
      IntPanel<2>(g, w, x, m, column, bytes + column * g.value_bytes(), ldy);
    } else {
      IntPanel<1>(g, w, x, m, column, bytes + column * g.value_bytes(), ldy);
    }
  }
}

void RunInt8(const IntGemm& g, const GemmRows<int16_t>& x, int64_t m, void* y, int64_t ldy) {
  const auto* other = static_cast<const int8_t*>(x.weights);
  RunInt(g, other != nullptr ? other : g.weights8.data(), x, m, y, ldy);
}
void RunInt16(const IntGemm& g, const GemmRows<int16_t>& x, int64_t m, void* y, int64_t ldy) {
  const auto* other = static_cast<const int16_t*>(x.weights);
  RunInt(g, other != nullptr ? other : g.weights16.data(), x, m, y, ldy);
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
