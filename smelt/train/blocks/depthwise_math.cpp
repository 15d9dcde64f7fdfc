#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/train/blocks/depthwise_math.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <algorithm>

#include "hwy/highway.h"
#include "smelt/train/blocks/depthwise_math.h"
#include "smelt/train/blocks/row_transform-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smelt::train {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// An image with the padding that its windows reach, of one vector of channels.
struct Padded {
  int64_t height = 0, width = 0;
  int64_t top = 0, left = 0;  ///< where pixel (0, 0) of the image lies
};

HWY_INLINE Padded PaddedOf(const Window& w) {
  return {int64_t{w.out_h - 1} * w.stride_h + int64_t{w.filter_h - 1} * w.dilation_h + 1,
          int64_t{w.out_w - 1} * w.stride_w + int64_t{w.filter_w - 1} * w.dilation_w + 1,
          -w.origin_h, -w.origin_w};
}

/// Calls visit(y, x, offset in the padded image) for the pixels of the image that it holds.
template <class D, class Visit>
HWY_INLINE void ForEachPixel(D d, const Window& w, const Padded& p, Visit&& visit) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t y1 = std::min<int64_t>(w.in_h, p.height - p.top);
  const int64_t x0 = std::max<int64_t>(0, -p.left);
  const int64_t x1 = std::min<int64_t>(w.in_w, p.width - p.left);
  for (int64_t y = std::max<int64_t>(0, -p.top); y < y1; ++y) {
    for (int64_t x = x0; x < x1; ++x) {
      visit(y * w.in_w + x, ((y + p.top) * p.width + x + p.left) * lanes);
    }
  }
}

template <class D>
HWY_INLINE void CopyPadded(D d, const Window& w, const Padded& p, const DepthwiseImage& image,
                           float* to) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < p.height * p.width; ++i) hn::StoreU(hn::Zero(d), d, to + i * lanes);
  const float* x = image.pixels + image.first;
  if (image.pending == nullptr) {
    ForEachPixel(d, w, p, [&](int64_t pixel, int64_t offset) {
      hn::StoreU(hn::LoadU(d, x + pixel * image.channels), d, to + offset);
    });
    return;
  }
  const Clamping clamping(*image.pending);
  ForEachPixel(d, w, p, [&](int64_t pixel, int64_t offset) {
    const auto u = Affine(d, *image.pending, hn::LoadU(d, x + pixel * image.channels), image.first);
    hn::StoreU(Clamped(d, clamping, u), d, to + offset);
  });
}

/// Calls visit(output pixel, offset of its window's first cell).
template <class D, class Visit>
HWY_INLINE void ForEachWindow(D d, const Window& w, const Padded& p, Visit&& visit) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t pixel = 0;
  for (int64_t oy = 0; oy < w.out_h; ++oy) {
    for (int64_t ox = 0; ox < w.out_w; ++ox, ++pixel) {
      visit(pixel, (oy * w.stride_h * p.width + ox * w.stride_w) * lanes);
    }
  }
}

/// Whole: the filter has 3x3 cells, whose weights (or sums) stay in registers.
template <bool kNine, class D>
HWY_INLINE void ForwardVector(D d, const Window& w, const DepthwiseImage& image,
                              const DepthwiseCells<const float>& c, float* z, float* padded) {
  const Padded p = PaddedOf(w);
  CopyPadded(d, w, p, image, padded);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t line = w.dilation_h * p.width * lanes;
  const int64_t step = w.dilation_w * lanes;
  if constexpr (kNine) {
    hn::Vec<D> wv[9];
#pragma GCC unroll 9
    for (int i = 0; i < 9; ++i) wv[i] = hn::LoadU(d, c.first + i / 3 * c.line + i % 3 * c.step);
    ForEachWindow(d, w, p, [&](int64_t pixel, int64_t offset) {
      const float* from = padded + offset;
      auto a = hn::Mul(wv[0], hn::LoadU(d, from));
      auto b = hn::Mul(wv[1], hn::LoadU(d, from + step));
#pragma GCC unroll 9
      for (int i = 2; i < 9; ++i) {
        auto& sum = i % 2 == 0 ? a : b;
        sum = hn::MulAdd(wv[i], hn::LoadU(d, from + i / 3 * line + i % 3 * step), sum);
      }
      hn::StoreU(hn::Add(a, b), d, z + pixel * image.channels);
    });
  } else {
    ForEachWindow(d, w, p, [&](int64_t pixel, int64_t offset) {
      auto sum = hn::Zero(d);
      for (int64_t ky = 0; ky < w.filter_h; ++ky) {
        for (int64_t kx = 0; kx < w.filter_w; ++kx) {
          sum = hn::MulAdd(hn::LoadU(d, c.first + ky * c.line + kx * c.step),
                           hn::LoadU(d, padded + offset + ky * line + kx * step), sum);
        }
      }
      hn::StoreU(sum, d, z + pixel * image.channels);
    });
  }
}

template <bool kNine, class D>
HWY_INLINE void WeightsVector(D d, const Window& w, const DepthwiseImage& image, const float* dz,
                              const DepthwiseCells<float>& c, float* padded) {
  const Padded p = PaddedOf(w);
  CopyPadded(d, w, p, image, padded);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t line = w.dilation_h * p.width * lanes;
  const int64_t step = w.dilation_w * lanes;
  if constexpr (kNine) {
    hn::Vec<D> sum[9];
#pragma GCC unroll 9
    for (int i = 0; i < 9; ++i) sum[i] = hn::LoadU(d, c.first + i / 3 * c.line + i % 3 * c.step);
    ForEachWindow(d, w, p, [&](int64_t pixel, int64_t offset) {
      const auto g = hn::LoadU(d, dz + pixel * image.channels);
#pragma GCC unroll 9
      for (int i = 0; i < 9; ++i) {
        sum[i] = hn::MulAdd(g, hn::LoadU(d, padded + offset + i / 3 * line + i % 3 * step), sum[i]);
      }
    });
#pragma GCC unroll 9
    for (int i = 0; i < 9; ++i) hn::StoreU(sum[i], d, c.first + i / 3 * c.line + i % 3 * c.step);
  } else {
    ForEachWindow(d, w, p, [&](int64_t pixel, int64_t offset) {
      const auto g = hn::LoadU(d, dz + pixel * image.channels);
      for (int64_t ky = 0; ky < w.filter_h; ++ky) {
        for (int64_t kx = 0; kx < w.filter_w; ++kx) {
          float* to = c.first + ky * c.line + kx * c.step;
          const auto v = hn::LoadU(d, padded + offset + ky * line + kx * step);
          hn::StoreU(hn::MulAdd(g, v, hn::LoadU(d, to)), d, to);
        }
      }
    });
  }
}

/// Adds what each dz says to the cells of its window; for strides, where the reverse is no
/// convolution.
template <class D>
HWY_INLINE void ScatterVector(D d, const Window& w, int64_t channels, const float* dz,
                              const DepthwiseCells<const float>& c, bool add, float* dx,
                              float* padded) {
  const Padded p = PaddedOf(w);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t line = w.dilation_h * p.width * lanes;
  const int64_t step = w.dilation_w * lanes;
  for (int64_t i = 0; i < p.height * p.width; ++i) hn::StoreU(hn::Zero(d), d, padded + i * lanes);
  ForEachWindow(d, w, p, [&](int64_t pixel, int64_t offset) {
    const auto g = hn::LoadU(d, dz + pixel * channels);
    for (int64_t ky = 0; ky < w.filter_h; ++ky) {
      for (int64_t kx = 0; kx < w.filter_w; ++kx) {
        float* to = padded + offset + ky * line + kx * step;
        const auto weight = hn::LoadU(d, c.first + ky * c.line + kx * c.step);
        hn::StoreU(hn::MulAdd(g, weight, hn::LoadU(d, to)), d, to);
      }
    }
  });
  if (!add) {
    for (int64_t i = 0; i < int64_t{w.in_h} * w.in_w; ++i) {
      hn::StoreU(hn::Zero(d), d, dx + i * channels);
    }
  }
  ForEachPixel(d, w, p, [&](int64_t pixel, int64_t offset) {
    float* to = dx + pixel * channels;
    hn::StoreU(hn::Add(hn::LoadU(d, to), hn::LoadU(d, padded + offset)), d, to);
  });
}

/// Calls visit(tag, first channel) for vectors of channels, and for each channel left over.
template <class Visit>
HWY_INLINE void ForEachChannels(int64_t channels, Visit&& visit) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) visit(d, c);
  for (; c < channels; ++c) visit(hn::CappedTag<float, 1>(), c);
}

bool IsNine(const Window& w) { return w.filter_h == 3 && w.filter_w == 3; }

void Forward(const Window& w, const DepthwiseImage& image, const DepthwiseCells<const float>& cells,
             float* z, float* padded) {
  ForEachChannels(image.channels, [&](auto d, int64_t c) {
    const DepthwiseImage at{image.pixels, image.pending, c, image.channels};
    const DepthwiseCells<const float> cells_at{cells.first + c, cells.line, cells.step};
    if (IsNine(w)) {
      ForwardVector<true>(d, w, at, cells_at, z + c, padded);
    } else {
      ForwardVector<false>(d, w, at, cells_at, z + c, padded);
    }
  });
}

void WeightGradient(const Window& w, const DepthwiseImage& image, const float* dz,
                    const DepthwiseCells<float>& cells, float* padded) {
  ForEachChannels(image.channels, [&](auto d, int64_t c) {
    const DepthwiseImage at{image.pixels, image.pending, c, image.channels};
    const DepthwiseCells<float> cells_at{cells.first + c, cells.line, cells.step};
    if (IsNine(w)) {
      WeightsVector<true>(d, w, at, dz + c, cells_at, padded);
    } else {
      WeightsVector<false>(d, w, at, dz + c, cells_at, padded);
    }
  });
}

void Scatter(const Window& w, int64_t channels, const float* dz,
             const DepthwiseCells<const float>& cells, bool add, float* dx, float* padded) {
  ForEachChannels(channels, [&](auto d, int64_t c) {
    ScatterVector(d, w, channels, dz + c, {cells.first + c, cells.line, cells.step}, add, dx + c,
                  padded);
  });
}

int64_t Lanes() { return static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>())); }

}  // namespace HWY_NAMESPACE
}  // namespace smelt::train
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt::train {
namespace {

HWY_EXPORT(Forward);
HWY_EXPORT(WeightGradient);
HWY_EXPORT(Scatter);
HWY_EXPORT(Lanes);

int64_t padded_pixels(const Window& w) {
  return (int64_t{w.out_h - 1} * w.stride_h + int64_t{w.filter_h - 1} * w.dilation_h + 1) *
         (int64_t{w.out_w - 1} * w.stride_w + int64_t{w.filter_w - 1} * w.dilation_w + 1);
}

/// The window through which x sees z: cells in reverse order.
Window reversed(const Window& w) {
  Window r = w;
  std::swap(r.in_h, r.out_h);
  std::swap(r.in_w, r.out_w);
  r.origin_h = -(w.filter_h - 1) * w.dilation_h - w.origin_h;
  r.origin_w = -(w.filter_w - 1) * w.dilation_w - w.origin_w;
  return r;
}

/// The cells of a window, along one axis, that ever lie inside of an image of `size`.
CellRange cells_used(int32_t out, int32_t stride, int32_t origin, int32_t dilation, int32_t filter,
                     int32_t size) {
  CellRange used{filter, 0};
  for (int32_t o = 0; o < out; ++o) {
    const CellRange inside = cells_inside(int64_t{o} * stride + origin, dilation, filter, size);
    if (inside.begin >= inside.end) continue;
    used.begin = std::min(used.begin, inside.begin);
    used.end = std::max(used.end, inside.end);
  }
  return used.begin < used.end ? used : CellRange{0, 1};
}

}  // namespace

DepthwiseMath::DepthwiseMath(const Window& window, int64_t channels)
    : window_(window), channels_(channels) {
  const Window& w = window;
  const CellRange ys =
      cells_used(w.out_h, w.stride_h, w.origin_h, w.dilation_h, w.filter_h, w.in_h);
  const CellRange xs =
      cells_used(w.out_w, w.stride_w, w.origin_w, w.dilation_w, w.filter_w, w.in_w);
  line_cells_ = w.filter_w;
  first_cell_ = ys.begin * w.filter_w + xs.begin;
  window_.filter_h = ys.end - ys.begin;
  window_.filter_w = xs.end - xs.begin;
  window_.origin_h += ys.begin * w.dilation_h;
  window_.origin_w += xs.begin * w.dilation_w;
  back_ = reversed(window_);
  const int64_t pixels = std::max(padded_pixels(window_), padded_pixels(back_));
  padded_.resize(static_cast<size_t>(pixels * HWY_DYNAMIC_DISPATCH(Lanes)()));
}

void DepthwiseMath::forward(const float* x, const RowTransform* pending, const float* w, float* z) {
  HWY_DYNAMIC_DISPATCH(Forward)
  (window_, {x, pending, 0, channels_},
   {w + first_cell_ * channels_, line_cells_ * channels_, channels_}, z, padded_.data());
}

void DepthwiseMath::weight_gradient(const float* x, const RowTransform* pending, const float* dz,
                                    float* dw) {
  HWY_DYNAMIC_DISPATCH(WeightGradient)
  (window_, {x, pending, 0, channels_}, dz,
   {dw + first_cell_ * channels_, line_cells_ * channels_, channels_}, padded_.data());
}

void DepthwiseMath::operand_gradient(const float* dz, const float* w, bool add, float* dx) {
  const DepthwiseCells<const float> cells{w + first_cell_ * channels_, line_cells_ * channels_,
                                          channels_};
  if (add || window_.stride_h != 1 || window_.stride_w != 1) {
    HWY_DYNAMIC_DISPATCH(Scatter)(window_, channels_, dz, cells, add, dx, padded_.data());
    return;
  }
  const int64_t count = window_.cells();
  flipped_.resize(static_cast<size_t>(count * channels_));
  for (int64_t i = 0; i < count; ++i) {
    const float* from =
        cells.first + i / window_.filter_w * cells.line + i % window_.filter_w * cells.step;
    std::copy_n(from, channels_, flipped_.data() + (count - 1 - i) * channels_);
  }
  HWY_DYNAMIC_DISPATCH(Forward)
  (back_, {dz, nullptr, 0, channels_}, {flipped_.data(), window_.filter_w * channels_, channels_},
   dx, padded_.data());
}

}  // namespace smelt::train
#endif
