#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/train/blocks/row_math.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include "hwy/highway.h"
#include "smelt/train/blocks/row_math.h"
#include "smelt/train/blocks/row_transform-inl.h"

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

/// Calls visit(tag, vectors as a constant, i): V vectors at a time, so that whole cache lines of a
/// row are read, then one, then each value.
template <int V, class Visit>
HWY_INLINE void ForEachVectors(int64_t count, Visit&& visit) {
  const Wide wide;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(wide));
  int64_t i = 0;
  for (; i + V * lanes <= count; i += V * lanes) visit(wide, std::integral_constant<int, V>(), i);
  for (; i + lanes <= count; i += lanes) visit(wide, std::integral_constant<int, 1>(), i);
  for (; i < count; ++i) visit(One(), std::integral_constant<int, 1>(), i);
}

template <int V, class D>
HWY_INLINE void MomentsOf(D d, const RowsView& view, const float* HWY_RESTRICT z,
                          const float* shift, float* sum1, float* sum2) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> s[V], a[V], b[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    s[v] = hn::LoadU(d, shift + v * lanes);
    a[v] = hn::LoadU(d, sum1 + v * lanes);
    b[v] = hn::LoadU(d, sum2 + v * lanes);
  }
  for (int64_t r = 0; r < view.rows; ++r, z += view.stride) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const auto x = hn::Sub(hn::LoadU(d, z + v * lanes), s[v]);
      a[v] = hn::Add(a[v], x);
      b[v] = hn::MulAdd(x, x, b[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    hn::StoreU(a[v], d, sum1 + v * lanes);
    hn::StoreU(b[v], d, sum2 + v * lanes);
  }
}

void AddMoments(const RowsView& view, const float* z, const float* shift, float* sum1,
                float* sum2) {
  ForEachVectors<4>(view.channels, [&](auto d, auto vectors, int64_t c) {
    MomentsOf<decltype(vectors)::value>(d, view, z + c, shift + c, sum1 + c, sum2 + c);
  });
}

void TransformRows(const RowsView& view, const RowTransform& t, const float* z, float* y,
                   int64_t y_stride) {
  const Clamping clamping(t);
  for (int64_t r = 0; r < view.rows; ++r, z += view.stride, y += y_stride) {
    ForEachVector(view.channels, [&](auto d, int64_t c) {
      hn::StoreU(Clamped(d, clamping, Affine(d, t, hn::LoadU(d, z + c), c)), d, y + c);
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

template <int V, bool kClip, class D>
HWY_INLINE void SumsOf(D d, const RowsView& view, const RowTransform& t, int64_t c, const float* z,
                       const float* dy, GradientSums& sums) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> du_sum[V], du_z_sum[V], shift[V];
  auto below = hn::Zero(d);
  auto above = hn::Zero(d);
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    du_sum[v] = hn::LoadU(d, sums.du + c + v * lanes);
    du_z_sum[v] = LoadOr(d, sums.du_z, c + v * lanes, 0);
    shift[v] = LoadOr(d, sums.shift, c + v * lanes, 0);
  }
  for (int64_t r = 0; r < view.rows; ++r, z += view.stride, dy += view.stride) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const auto zv = hn::LoadU(d, z + c + v * lanes);
      const auto dyv = hn::LoadU(d, dy + c + v * lanes);
      const auto u = Affine(d, t, zv, c + v * lanes);
      const auto du = Passed(d, t, u, dyv);
      du_sum[v] = hn::Add(du_sum[v], du);
      du_z_sum[v] = hn::MulAdd(du, hn::Sub(zv, shift[v]), du_z_sum[v]);
      if constexpr (kClip) {
        below = hn::Add(below, hn::IfThenElseZero(hn::Lt(u, hn::Set(d, t.quant_low)), dyv));
        above = hn::Add(above, hn::IfThenElseZero(hn::Gt(u, hn::Set(d, t.quant_high)), dyv));
      }
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    hn::StoreU(du_sum[v], d, sums.du + c + v * lanes);
    if (sums.du_z != nullptr) hn::StoreU(du_z_sum[v], d, sums.du_z + c + v * lanes);
  }
  if constexpr (kClip) {
    if (t.quant_low > t.low) sums.clipped_low += hn::GetLane(hn::SumOfLanes(d, below));
    if (t.quant_high < t.high) sums.clipped_high += hn::GetLane(hn::SumOfLanes(d, above));
  }
}

void AddGradientSums(const RowsView& view, const RowTransform& t, const float* z, const float* dy,
                     GradientSums& sums) {
  // Only a range that cuts before the activation does can learn from what it clips.
  const bool clip = t.step > 0 && (t.quant_low > t.low || t.quant_high < t.high);
  ForEachVectors<2>(view.channels, [&](auto d, auto vectors, int64_t c) {
    constexpr int kVectors = decltype(vectors)::value;
    if (clip) {
      SumsOf<kVectors, true>(d, view, t, c, z, dy, sums);
    } else {
      SumsOf<kVectors, false>(d, view, t, c, z, dy, sums);
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
                            const float* HWY_RESTRICT b, int64_t ldb, bool add,
                            float* HWY_RESTRICT c, int64_t ldc, int64_t tail) {
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
        hn::StoreU(add ? hn::Add(hn::LoadU(d, to), sum[r][v]) : sum[r][v], d, to);
      } else {
        if (add) sum[r][v] = hn::Add(hn::MaskedLoad(mask, d, to), sum[r][v]);
        hn::BlendedStore(sum[r][v], mask, d, to);
      }
    }
  }
}

template <int R>
HWY_INLINE void OuterRows(int64_t rows, const float* a, int64_t lda, const MatrixView& b, bool add,
                          float* c, int64_t ldc) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(Wide()));
  int64_t column = 0;
  for (; b.columns - column > lanes; column += 2 * lanes) {
    const int64_t tail = HWY_MIN(b.columns - column - lanes, lanes);
    OuterTile<R, 2>(rows, a, lda, b.data + column, b.stride, add, c + column, ldc, tail);
  }
  if (column < b.columns) {
    OuterTile<R, 1>(rows, a, lda, b.data + column, b.stride, add, c + column, ldc,
                    b.columns - column);
  }
}

void OuterProducts(int64_t rows, const MatrixView& a, const MatrixView& b, bool add, float* c,
                   int64_t ldc) {
  int64_t i = 0;
  const auto rows_of_c = [&](auto count) {
    constexpr int kRows = decltype(count)::value;
    for (; i + kRows <= a.columns; i += kRows) {
      OuterRows<kRows>(rows, a.data + i, a.stride, b, add, c + i * ldc, ldc);
    }
  };
  rows_of_c(std::integral_constant<int, 6>());
  rows_of_c(std::integral_constant<int, 4>());
  rows_of_c(std::integral_constant<int, 2>());
  rows_of_c(std::integral_constant<int, 1>());
}

/// Blocks of 4x4 where there are vectors; what is left over one by one.
void Transpose(int64_t rows, int64_t columns, const float* HWY_RESTRICT from, int64_t from_stride,
               float* HWY_RESTRICT to, int64_t to_stride) {
#if HWY_TARGET == HWY_SCALAR
  const int64_t whole_rows = 0;
  const int64_t whole_columns = 0;
#else
  const hn::FixedTag<float, 4> d;
  const int64_t whole_rows = rows / 4 * 4;
  const int64_t whole_columns = columns / 4 * 4;
  for (int64_t k = 0; k < whole_columns; k += 4) {
    for (int64_t i = 0; i < whole_rows; i += 4) {
      const float* p = from + i * from_stride + k;
      const auto r0 = hn::LoadU(d, p);
      const auto r1 = hn::LoadU(d, p + from_stride);
      const auto r2 = hn::LoadU(d, p + 2 * from_stride);
      const auto r3 = hn::LoadU(d, p + 3 * from_stride);
      const auto low01 = hn::InterleaveLower(d, r0, r1);
      const auto low23 = hn::InterleaveLower(d, r2, r3);
      const auto high01 = hn::InterleaveUpper(d, r0, r1);
      const auto high23 = hn::InterleaveUpper(d, r2, r3);
      float* q = to + k * to_stride + i;
      hn::StoreU(hn::ConcatLowerLower(d, low23, low01), d, q);
      hn::StoreU(hn::ConcatUpperUpper(d, low23, low01), d, q + to_stride);
      hn::StoreU(hn::ConcatLowerLower(d, high23, high01), d, q + 2 * to_stride);
      hn::StoreU(hn::ConcatUpperUpper(d, high23, high01), d, q + 3 * to_stride);
    }
  }
#endif
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t first = i < whole_rows ? whole_columns : 0;
    for (int64_t k = first; k < columns; ++k) to[k * to_stride + i] = from[i * from_stride + k];
  }
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
HWY_EXPORT(OuterProducts);
HWY_EXPORT(Transpose);
HWY_EXPORT(AddValues);

void add_moments(const RowsView& view, const float* z, const float* shift, float* sum1,
                 float* sum2) {
  HWY_DYNAMIC_DISPATCH(AddMoments)(view, z, shift, sum1, sum2);
}

void transform_rows(const RowsView& view, const RowTransform& transform, const float* z, float* y,
                    int64_t y_stride) {
  HWY_DYNAMIC_DISPATCH(TransformRows)(view, transform, z, y, y_stride);
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

void outer_products(int64_t rows, const MatrixView& a, const MatrixView& b, bool add, float* c,
                    int64_t ldc) {
  HWY_DYNAMIC_DISPATCH(OuterProducts)(rows, a, b, add, c, ldc);
}

void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_stride, float* to,
               int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(Transpose)(rows, columns, from, from_stride, to, to_stride);
}

void add_values(const float* from, float* to, int64_t count) {
  HWY_DYNAMIC_DISPATCH(AddValues)(from, to, count);
}
}  // namespace smelt::train
#endif
