#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/pool_fast.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include "hwy/highway.h"
#include "smelt/kernels/pool_fast.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Cells of a window inside the image: `rows` lines of `columns` pixels from x on.
template <class T>
struct Area {
  const T* x;
  int64_t rows, columns;
  int64_t line, pixel;  ///< values from one to the next
};

template <class T>
HWY_INLINE IntRange ValueRange(const Pool& pool, T) {
  return pool.range;
}
HWY_INLINE FloatRange ValueRange(const Pool& pool, float) { return pool.range_float; }

template <class Element>
struct Maximum {
  using T = Element;
  using Lane = Element;
  template <class D>
  static HWY_INLINE void Run(D d, const Pool& pool, const Area<T>& area, T* y) {
    const auto range = ValueRange(pool, T{});
    auto best = hn::Set(d, std::numeric_limits<T>::lowest());
    for (int64_t r = 0; r < area.rows; ++r) {
      const T* from = area.x + r * area.line;
      for (int64_t c = 0; c < area.columns; ++c, from += area.pixel) {
        best = hn::Max(hn::LoadU(d, from), best);  // a NaN of x is passed over
      }
    }
    best = hn::Min(hn::Max(best, hn::Set(d, static_cast<T>(range.low))),
                   hn::Set(d, static_cast<T>(range.high)));
    hn::StoreU(best, d, y);
  }
};

struct FloatMean {
  using T = float;
  using Lane = float;
  template <class D>
  static HWY_INLINE void Run(D d, const Pool& pool, const Area<float>& area, float* y) {
    auto sum = hn::Zero(d);
    for (int64_t r = 0; r < area.rows; ++r) {
      const float* from = area.x + r * area.line;
      for (int64_t c = 0; c < area.columns; ++c, from += area.pixel) {
        sum = hn::Add(sum, hn::LoadU(d, from));
      }
    }
    const auto mean = hn::Div(sum, hn::Set(d, static_cast<float>(area.rows * area.columns)));
    hn::StoreU(
        hn::Min(hn::Set(d, pool.range_float.high), hn::Max(hn::Set(d, pool.range_float.low), mean)),
        d, y);
  }
};

template <class Element>
struct IntMean {
  using T = Element;
  using Lane = int32_t;
  template <class D>
  static HWY_INLINE void Run(D d, const Pool& pool, const Area<T>& area, T* y) {
    const hn::Rebind<T, D> narrow;
    const hn::Rebind<float, D> df;
    auto sum = hn::Zero(d);
    for (int64_t r = 0; r < area.rows; ++r) {
      const T* from = area.x + r * area.line;
      for (int64_t c = 0; c < area.columns; ++c, from += area.pixel) {
        sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(narrow, from)));
      }
    }
    const auto count = static_cast<int32_t>(area.rows * area.columns);
    const auto half = hn::Set(d, count / 2);
    const auto nudged =
        hn::IfThenElse(hn::Gt(sum, hn::Zero(d)), hn::Add(sum, half), hn::Sub(sum, half));
    const auto quotient =
        hn::Div(hn::ConvertTo(df, nudged), hn::Set(df, static_cast<float>(count)));
    const auto mean = hn::Min(hn::Max(hn::ConvertTo(d, quotient), hn::Set(d, pool.range.low)),
                              hn::Set(d, pool.range.high));
    hn::StoreU(hn::DemoteTo(narrow, mean), narrow, y);
  }
};

/// All channels of one position; the last vector may compute some of them twice.
template <class Kind, class D>
HWY_INLINE void RunPosition(D d, const Pool& pool, Area<typename Kind::T> area,
                            typename Kind::T* y) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto* x = area.x;
  for (int64_t first = 0; first < pool.channels; first += lanes) {
    const int64_t c = std::min(first, pool.channels - lanes);
    area.x = x + c;
    Kind::Run(d, pool, area, y + c);
  }
}

template <class Kind, class D>
HWY_NOINLINE void RunImages(D d, const Pool& pool, const typename Kind::T* x, typename Kind::T* y) {
  const Window& w = pool.window;
  const int64_t line = w.in_w * pool.channels;
  for (int64_t n = 0; n < pool.batch; ++n, x += w.in_h * line) {
    for (int64_t oy = 0; oy < w.out_h; ++oy) {
      const int64_t iy = oy * w.stride_h + w.origin_h;
      const CellRange ys = cells_inside(iy, 1, w.filter_h, w.in_h);
      for (int64_t ox = 0; ox < w.out_w; ++ox, y += pool.channels) {
        const int64_t ix = ox * w.stride_w + w.origin_w;
        const CellRange xs = cells_inside(ix, 1, w.filter_w, w.in_w);
        RunPosition<Kind>(d, pool,
                          {x + (iy + ys.begin) * line + (ix + xs.begin) * pool.channels,
                           ys.end - ys.begin, xs.end - xs.begin, line, pool.channels},
                          y);
      }
    }
  }
}

/// The widest vectors that the channels fill.
template <class Kind>
HWY_INLINE void RunKind(const Pool& pool, const void* x_values, void* y_values) {
  using L = typename Kind::Lane;
  const auto* x = static_cast<const typename Kind::T*>(x_values);
  auto* y = static_cast<typename Kind::T*>(y_values);
  const hn::ScalableTag<L> d;
  if (pool.channels >= static_cast<int64_t>(hn::Lanes(d))) return RunImages<Kind>(d, pool, x, y);
#if HWY_TARGET != HWY_SCALAR
  if (pool.channels >= 16) return RunImages<Kind>(hn::CappedTag<L, 16>(), pool, x, y);
  if (pool.channels >= 8) return RunImages<Kind>(hn::CappedTag<L, 8>(), pool, x, y);
  if (pool.channels >= 4) return RunImages<Kind>(hn::CappedTag<L, 4>(), pool, x, y);
  return RunImages<Kind>(hn::CappedTag<L, 2>(), pool, x, y);
#endif
}

void RunPool(const Pool& pool, const void* x, void* y) {
  switch (pool.type) {
    case DataType::float32:
      return pool.average ? RunKind<FloatMean>(pool, x, y) : RunKind<Maximum<float>>(pool, x, y);
    case DataType::int8:
      return pool.average ? RunKind<IntMean<int8_t>>(pool, x, y)
                          : RunKind<Maximum<int8_t>>(pool, x, y);
    case DataType::uint8:
      return pool.average ? RunKind<IntMean<uint8_t>>(pool, x, y)
                          : RunKind<Maximum<uint8_t>>(pool, x, y);
    default:
      return pool.average ? RunKind<IntMean<int16_t>>(pool, x, y)
                          : RunKind<Maximum<int16_t>>(pool, x, y);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(RunPool);

bool pool_is_fast(const Pool& pool) {
  if (pool.channels < 2) return false;
  if (!pool.average || pool.type == DataType::float32) return true;
  const int64_t largest = pool.type == DataType::int16 ? 32768 : 255;
  const Window& w = pool.window;
  const int64_t cells = int64_t{std::min(w.filter_h, w.in_h)} * std::min(w.filter_w, w.in_w);
  return cells < (int64_t{1} << 24) / (largest + 1);
}

void run_pool(const Pool& pool, const void* x, void* y) {
  HWY_DYNAMIC_DISPATCH(RunPool)(pool, x, y);
}
}  // namespace smelt
#endif
