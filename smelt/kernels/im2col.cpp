#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/im2col.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <algorithm>

#include "hwy/highway.h"
#include "smelt/kernels/im2col.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Copies `count` values; whole vectors, so that up to one vector behind them is written, too.
struct FloatCopy {
  using From = float;
  using To = float;
  HWY_INLINE void operator()(const float* from, int64_t count, const float* end, float* to) const {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t i = 0;
    for (; i < count && end - (from + i) >= lanes; i += lanes) {
      hn::StoreU(hn::LoadU(d, from + i), d, to + i);
    }
    for (; i < count; ++i) to[i] = from[i];
  }
};

template <class T>
struct WideningCopy {
  using From = T;
  using To = int16_t;
  int32_t zero;
  HWY_INLINE void operator()(const T* from, int64_t count, const T* end, int16_t* to) const {
    const hn::ScalableTag<int16_t> d;
    const hn::Rebind<T, decltype(d)> narrow;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto offset = hn::Set(d, static_cast<int16_t>(zero));
    int64_t i = 0;
    for (; i < count && end - (from + i) >= lanes; i += lanes) {
      hn::StoreU(hn::Sub(hn::PromoteTo(d, hn::LoadU(narrow, from + i)), offset), d, to + i);
    }
    for (; i < count; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
  }
};

/// Zeros, in whole vectors.
template <class T>
HWY_INLINE void Clear(T* to, int64_t count) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += lanes) hn::StoreU(hn::Zero(d), d, to + i);
}

/// One window whose first cell is at (y, x) of `image`.
template <class Copy>
HWY_INLINE void CopyWindow(const Im2Col& s, const Copy& copy, const typename Copy::From* image,
                           const typename Copy::From* end, int64_t y, int64_t x,
                           typename Copy::To* row) {
  const Window& w = s.window;
  const CellRange ys = cells_inside(y, w.dilation_h, w.filter_h, w.in_h);
  const CellRange xs = cells_inside(x, w.dilation_w, w.filter_w, w.in_w);
  const int64_t line = s.row_channels * w.filter_w;
  const bool contiguous = w.dilation_w == 1 && s.row_channels == s.channels;
  Clear(row, ys.begin * line);
  for (int32_t ky = ys.begin; ky < ys.end; ++ky) {
    auto* to = row + ky * line;
    const auto* from = image +
                       ((y + static_cast<int64_t>(ky) * w.dilation_h) * w.in_w + x) * s.channels +
                       s.first_channel;
    Clear(to, xs.begin * s.row_channels);
    if (contiguous) {
      copy(from + xs.begin * s.channels, (xs.end - xs.begin) * s.channels, end,
           to + xs.begin * s.channels);
    } else {
      for (int32_t kx = xs.begin; kx < xs.end; ++kx) {
        copy(from + static_cast<int64_t>(kx) * w.dilation_w * s.channels, s.row_channels, end,
             to + kx * s.row_channels);
      }
    }
    Clear(to + xs.end * s.row_channels, (w.filter_w - xs.end) * s.row_channels);
  }
  Clear(row + ys.end * line, (w.filter_h - ys.end) * line);
}

template <class Copy>
HWY_INLINE void CopyWindows(const Im2Col& s, const Copy& copy, const typename Copy::From* x,
                            int64_t first, int64_t count, typename Copy::To* rows) {
  const Window& w = s.window;
  const auto* end = x + s.input_elements();
  const int64_t image_size = static_cast<int64_t>(w.in_h) * w.in_w * s.channels;
  const int64_t used = w.cells() * s.row_channels;
  if (s.pointwise() && used == s.row_stride) {
    return copy(x + first * used, count * used, end, rows);
  }
  int64_t image = first / w.positions();
  int64_t oy = first % w.positions() / w.out_w;
  int64_t ox = first % w.out_w;
  for (int64_t i = 0; i < count; ++i) {
    auto* row = rows + i * s.row_stride;
    CopyWindow(s, copy, x + image * image_size, end, oy * w.stride_h + w.origin_h,
               ox * w.stride_w + w.origin_w, row);
    for (int64_t rest = used; rest < s.row_stride; ++rest) row[rest] = 0;
    if (++ox == w.out_w) {
      ox = 0;
      if (++oy == w.out_h) {
        oy = 0;
        ++image;
      }
    }
  }
}

void Im2ColFloat(const Im2Col& s, const float* x, int64_t first, int64_t count, float* rows) {
  CopyWindows(s, FloatCopy{}, x, first, count, rows);
}
void Im2ColInt8(const Im2Col& s, const int8_t* x, int32_t zero, int64_t first, int64_t count,
                int16_t* rows) {
  CopyWindows(s, WideningCopy<int8_t>{zero}, x, first, count, rows);
}
void Im2ColUint8(const Im2Col& s, const uint8_t* x, int32_t zero, int64_t first, int64_t count,
                 int16_t* rows) {
  CopyWindows(s, WideningCopy<uint8_t>{zero}, x, first, count, rows);
}

template <class Copy>
HWY_INLINE void CopyLine(const Im2Col& s, LineCopy line, const Copy& copy,
                         const typename Copy::From* image, const typename Copy::From* end,
                         typename Copy::To* to) {
  const Window& w = s.window;
  const int64_t first = std::clamp<int64_t>(w.origin_w, 0, w.in_w);
  const int64_t last = std::clamp<int64_t>(w.origin_w + line.columns, first, w.in_w);
  const int64_t left = std::min<int64_t>(first - w.origin_w, line.columns) * s.channels;
  const int64_t inside = (last - first) * s.channels;
  Clear(to, std::max<int64_t>(left, 0));
  to += std::max<int64_t>(left, 0);
  copy(image + (line.iy * w.in_w + first) * s.channels, inside, end, to);
  Clear(to + inside, line.columns * s.channels - std::max<int64_t>(left, 0) - inside);
}

void CopyLineFloat(const Im2Col& s, LineCopy line, const float* image, const float* end,
                   float* to) {
  CopyLine(s, line, FloatCopy{}, image, end, to);
}
void CopyLineInt8(const Im2Col& s, LineCopy line, const int8_t* image, const int8_t* end,
                  int32_t zero, int16_t* to) {
  CopyLine(s, line, WideningCopy<int8_t>{zero}, image, end, to);
}
void CopyLineUint8(const Im2Col& s, LineCopy line, const uint8_t* image, const uint8_t* end,
                   int32_t zero, int16_t* to) {
  CopyLine(s, line, WideningCopy<uint8_t>{zero}, image, end, to);
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(Im2ColFloat);
HWY_EXPORT(Im2ColInt8);
HWY_EXPORT(Im2ColUint8);
HWY_EXPORT(CopyLineFloat);
HWY_EXPORT(CopyLineInt8);
HWY_EXPORT(CopyLineUint8);

void im2col(const Im2Col& s, const float* x, int64_t first, int64_t count, float* rows) {
  HWY_DYNAMIC_DISPATCH(Im2ColFloat)(s, x, first, count, rows);
}
void im2col(const Im2Col& s, const int8_t* x, int32_t zero, int64_t first, int64_t count,
            int16_t* rows) {
  HWY_DYNAMIC_DISPATCH(Im2ColInt8)(s, x, zero, first, count, rows);
}
void im2col(const Im2Col& s, const uint8_t* x, int32_t zero, int64_t first, int64_t count,
            int16_t* rows) {
  HWY_DYNAMIC_DISPATCH(Im2ColUint8)(s, x, zero, first, count, rows);
}
void copy_line(const Im2Col& s, LineCopy line, const float* image, const float* end, float* to) {
  HWY_DYNAMIC_DISPATCH(CopyLineFloat)(s, line, image, end, to);
}
void copy_line(const Im2Col& s, LineCopy line, const int8_t* image, const int8_t* end, int32_t zero,
               int16_t* to) {
  HWY_DYNAMIC_DISPATCH(CopyLineInt8)(s, line, image, end, zero, to);
}
void copy_line(const Im2Col& s, LineCopy line, const uint8_t* image, const uint8_t* end,
               int32_t zero, int16_t* to) {
  HWY_DYNAMIC_DISPATCH(CopyLineUint8)(s, line, image, end, zero, to);
}
}  // namespace smelt
#endif
