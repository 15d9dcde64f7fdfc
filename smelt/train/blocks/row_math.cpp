#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/train/blocks/row_math.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include "hwy/highway.h"
#include "smelt/train/blocks/row_math.h"

HWY_BEFORE_NAMESPACE();
namespace smelt::train {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::ScalableTag<float>;
using One = hn::CappedTag<float, 1>;

/// Calls visit(tag, i) for every vector of [0, count), and for each value left over.
template <class Visit>
HWY_INLINE void ForEachVector(int64_t count, Visit&& visit) {
  const Wide wide;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(wide));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) visit(wide, i);
  for (; i < count; ++i) visit(One(), i);
}

template <class D>
HWY_INLINE hn::Vec<D> LoadOr(D d, const float* p, int64_t i, float otherwise) {
  return p != nullptr ? hn::LoadU(d, p + i) : hn::Set(d, otherwise);
}

void AddMoments(const RowsView& view, const float* HWY_RESTRICT z, const float* HWY_RESTRICT shift,
                float* HWY_RESTRICT sum1, float* HWY_RESTRICT sum2) {
  ForEachVector(view.channels, [&](auto d, int64_t c) {
    const auto s = hn::LoadU(d, shift + c);
    auto a = hn::LoadU(d, sum1 + c);
    auto b = hn::LoadU(d, sum2 + c);
    const float* from = z + c;
    for (int64_t r = 0; r < view.rows; ++r, from += view.stride) {
      const auto v = hn::Sub(hn::LoadU(d, from), s);
      a = hn::Add(a, v);
      b = hn::MulAdd(v, v, b);
    }
    hn::StoreU(a, d, sum1 + c);
    hn::StoreU(b, d, sum2 + c);
  });
}

/// u of one vector.
template <class D>
HWY_INLINE hn::Vec<D> Affine(D d, const RowTransform& t, hn::Vec<D> z, int64_t c) {
  if (t.factor == nullptr) return t.offset == nullptr ? z : hn::Add(z, hn::LoadU(d, t.offset + c));
  return hn::MulAdd(z, hn::LoadU(d, t.factor + c), hn::LoadU(d, t.offset + c));
}

void TransformRows(const RowsView& view, const RowTransform& t, const float* z, float* y) {
  const bool round = t.step > 0;
  const float inverse = round ? 1.0f / t.step : 0.0f;
  const float low = round ? t.pass_low() : t.low;
  const float high = round ? t.pass_high() : t.high;
  for (int64_t r = 0; r < view.rows; ++r, z += view.stride, y += view.stride) {
    ForEachVector(view.channels, [&](auto d, int64_t c) {
      auto u = Affine(d, t, hn::LoadU(d, z + c), c);
      u = hn::Min(hn::Max(u, hn::Set(d, low)), hn::Set(d, high));
      if (round) {
        u = hn::Mul(hn::Round(hn::Mul(u, hn::Set(d, inverse))), hn::Set(d, t.step));
      }
      hn::StoreU(u, d, y + c);
    });
  }
}

/// dy where u passes, else 0.
template <class D>
HWY_INLINE hn::Vec<D> Passed(D d, const RowTransform& t, hn::Vec<D> u, hn::Vec<D> dy) {
  const auto inside =
      hn::And(hn::Gt(u, hn::Set(d, t.pass_low())), hn::Lt(u, hn::Set(d, t.pass_high())));
  return hn::IfThenElseZero(inside, dy);
}

void AddGradientSums(const RowsView& view, const RowTransform& t, const float* HWY_RESTRICT z,
                     const float* HWY_RESTRICT dy, GradientSums& sums) {
  const bool clip = t.step > 0;
  ForEachVector(view.channels, [&](auto d, int64_t c) {
    auto du_sum = hn::LoadU(d, sums.du + c);
    auto du_z_sum = LoadOr(d, sums.du_z, c, 0);
    const auto shift = LoadOr(d, sums.shift, c, 0);
    auto below = hn::Zero(d);
    auto above = hn::Zero(d);
    const float* zr = z + c;
    const float* dyr = dy + c;
    for (int64_t r = 0; r < view.rows; ++r, zr += view.stride, dyr += view.stride) {
      const auto zv = hn::LoadU(d, zr);
      const auto dyv = hn::LoadU(d, dyr);
      const auto u = Affine(d, t, zv, c);
      const auto du = Passed(d, t, u, dyv);
      du_sum = hn::Add(du_sum, du);
      du_z_sum = hn::MulAdd(du, hn::Sub(zv, shift), du_z_sum);
      if (clip) {
        below = hn::Add(below, hn::IfThenElseZero(hn::Lt(u, hn::Set(d, t.quant_low)), dyv));
        above = hn::Add(above, hn::IfThenElseZero(hn::Gt(u, hn::Set(d, t.quant_high)), dyv));
      }
    }
    hn::StoreU(du_sum, d, sums.du + c);
    if (sums.du_z != nullptr) hn::StoreU(du_z_sum, d, sums.du_z + c);
    if (clip && t.quant_low > t.low) {
      sums.clipped_low += hn::GetLane(hn::SumOfLanes(d, below));
    }
    if (clip && t.quant_high < t.high) {
      sums.clipped_high += hn::GetLane(hn::SumOfLanes(d, above));
    }
  });
}

void GradientRows(const RowsView& view, const RowTransform& t, const GradientFactors& f,
                  const float* z, const float* dy, float* dz, int64_t dz_stride) {
  for (int64_t r = 0; r < view.rows; ++r, z += view.stride, dy += view.stride, dz += dz_stride) {
    ForEachVector(view.channels, [&](auto d, int64_t c) {
      const auto zv = hn::LoadU(d, z + c);
      auto v = Passed(d, t, Affine(d, t, zv, c), hn::LoadU(d, dy + c));
      if (f.by_z != nullptr) {
        const auto rest = hn::MulAdd(zv, hn::LoadU(d, f.by_z + c), hn::LoadU(d, f.constant + c));
        v = hn::MulAdd(v, hn::LoadU(d, f.by_du + c), rest);
      } else if (f.by_du != nullptr) {
        v = hn::Mul(v, hn::LoadU(d, f.by_du + c));
      }
      hn::StoreU(v, d, dz + c);
    });
  }
}

/// A tile of R rows of c and V vectors of its columns, the last one of `tail` values.
template <int R, int V>
HWY_NOINLINE void OuterTile(int64_t rows, const float* HWY_RESTRICT a, int64_t lda,
                            const float* HWY_RESTRICT b, int64_t ldb, float* HWY_RESTRICT c,
                            int64_t ldc, int64_t tail) {
  const Wide d;
  using Vec = hn::Vec<Wide>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = hn::FirstN(d, static_cast<size_t>(tail));
  const bool whole = tail == lanes;
  Vec sum[R][V];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(d);
  }
  for (int64_t row = 0; row < rows; ++row, a += lda, b += ldb) {
    Vec bv[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      bv[v] =
          v < V - 1 || whole ? hn::LoadU(d, b + v * lanes) : hn::MaskedLoad(mask, d, b + v * lanes);
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const Vec av = hn::Set(d, a[r]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(av, bv[v], sum[r][v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      float* to = c + r * ldc + v * lanes;
      if (v < V - 1 || whole) {
        hn::StoreU(hn::Add(hn::LoadU(d, to), sum[r][v]), d, to);
      } else {
        hn::BlendedStore(hn::Add(hn::MaskedLoad(mask, d, to), sum[r][v]), mask, d, to);
      }
    }
  }
}

template <int R>
HWY_INLINE void OuterRows(int64_t rows, const float* a, int64_t lda, const float* b, int64_t ldb,
                          int64_t k, float* c, int64_t ldc) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(Wide()));
  int64_t column = 0;
  for (; k - column > lanes; column += 2 * lanes) {
    const int64_t tail = HWY_MIN(k - column - lanes, lanes);
    OuterTile<R, 2>(rows, a, lda, b + column, ldb, c + column, ldc, tail);
  }
  if (column < k) OuterTile<R, 1>(rows, a, lda, b + column, ldb, c + column, ldc, k - column);
}

void AddOuterProducts(int64_t rows, const float* a, int64_t lda, int64_t n, const float* b,
                      int64_t ldb, int64_t k, float* c, int64_t ldc) {
  int64_t i = 0;
  for (; i + 6 <= n; i += 6) OuterRows<6>(rows, a + i, lda, b, ldb, k, c + i * ldc, ldc);
  for (; i + 4 <= n; i += 4) OuterRows<4>(rows, a + i, lda, b, ldb, k, c + i * ldc, ldc);
  for (; i + 2 <= n; i += 2) OuterRows<2>(rows, a + i, lda, b, ldb, k, c + i * ldc, ldc);
  if (i < n) OuterRows<1>(rows, a + i, lda, b, ldb, k, c + i * ldc, ldc);
}

void AddValues(const float* HWY_RESTRICT from, float* HWY_RESTRICT to, int64_t count) {
  ForEachVector(count, [&](auto d, int64_t i) {
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt::train
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt::train {
HWY_EXPORT(AddMoments);
HWY_EXPORT(TransformRows);
HWY_EXPORT(AddGradientSums);
HWY_EXPORT(GradientRows);
HWY_EXPORT(AddOuterProducts);
HWY_EXPORT(AddValues);

void add_moments(const RowsView& view, const float* z, const float* shift, float* sum1,
                 float* sum2) {
  HWY_DYNAMIC_DISPATCH(AddMoments)(view, z, shift, sum1, sum2);
}

void transform_rows(const RowsView& view, const RowTransform& transform, const float* z, float* y) {
  HWY_DYNAMIC_DISPATCH(TransformRows)(view, transform, z, y);
}

void add_gradient_sums(const RowsView& view, const RowTransform& transform, const float* z,
                       const float* dy, GradientSums& sums) {
  HWY_DYNAMIC_DISPATCH(AddGradientSums)(view, transform, z, dy, sums);
}

void gradient_rows(const RowsView& view, const RowTransform& transform,
                   const GradientFactors& factors, const float* z, const float* dy, float* dz,
                   int64_t dz_stride) {
  HWY_DYNAMIC_DISPATCH(GradientRows)(view, transform, factors, z, dy, dz, dz_stride);
}

void add_outer_products(int64_t rows, const float* a, int64_t lda, int64_t n, const float* b,
                        int64_t ldb, int64_t k, float* c, int64_t ldc) {
  HWY_DYNAMIC_DISPATCH(AddOuterProducts)(rows, a, lda, n, b, ldb, k, c, ldc);
}

void add_values(const float* from, float* to, int64_t count) {
  HWY_DYNAMIC_DISPATCH(AddValues)(from, to, count);
}
}  // namespace smelt::train
#endif
