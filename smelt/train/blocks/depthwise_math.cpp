#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/train/blocks/depthwise_math.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include "hwy/highway.h"
#include "smelt/train/blocks/depthwise_math.h"

HWY_BEFORE_NAMESPACE();
namespace smelt::train {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The cells of a window that lie inside of the image, and where the first of them reads.
struct Place {
  CellRange ys, xs;
  int64_t first = 0;  ///< pixel of cell (0, 0), which may lie outside
};

HWY_INLINE Place PlaceOf(const Window& w, int64_t oy, int64_t ox) {
  const int64_t y = oy * w.stride_h + w.origin_h;
  const int64_t x = ox * w.stride_w + w.origin_w;
  return {cells_inside(y, w.dilation_h, w.filter_h, w.in_h),
          cells_inside(x, w.dilation_w, w.filter_w, w.in_w), y * w.in_w + x};
}

/// Calls visit(cell, offset of the cell's pixel in values) for the cells inside.
template <class Visit>
HWY_INLINE void ForEachCell(const Window& w, int64_t channels, const Place& place, Visit&& visit) {
  for (int64_t ky = place.ys.begin; ky < place.ys.end; ++ky) {
    for (int64_t kx = place.xs.begin; kx < place.xs.end; ++kx) {
      const int64_t pixel = place.first + ky * w.dilation_h * w.in_w + kx * w.dilation_w;
      visit(ky * w.filter_w + kx, pixel * channels);
    }
  }
}

/// V vectors of channels from `c` on.
template <int V, class D>
HWY_INLINE void ForwardChannels(D d, const Window& w, int64_t channels, int64_t c,
                                const float* HWY_RESTRICT x, const float* HWY_RESTRICT weights,
                                float* HWY_RESTRICT z) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  x += c;
  weights += c;
  z += c;
  for (int64_t oy = 0; oy < w.out_h; ++oy) {
    for (int64_t ox = 0; ox < w.out_w; ++ox, z += channels) {
      hn::Vec<D> sum[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[v] = hn::Zero(d);
      ForEachCell(w, channels, PlaceOf(w, oy, ox), [&](int64_t cell, int64_t offset) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          sum[v] = hn::MulAdd(hn::LoadU(d, x + offset + v * lanes),
                              hn::LoadU(d, weights + cell * channels + v * lanes), sum[v]);
        }
      });
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) hn::StoreU(sum[v], d, z + v * lanes);
    }
  }
}

template <int V, class D>
HWY_INLINE void BackwardChannels(D d, const Window& w, int64_t channels, int64_t c,
                                 const float* HWY_RESTRICT x, const float* HWY_RESTRICT weights,
                                 const float* HWY_RESTRICT dz, float* HWY_RESTRICT dx,
                                 float* HWY_RESTRICT dw) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  x += c;
  weights += c;
  dz += c;
  dw += c;
  if (dx != nullptr) dx += c;
  for (int64_t oy = 0; oy < w.out_h; ++oy) {
    for (int64_t ox = 0; ox < w.out_w; ++ox, dz += channels) {
      hn::Vec<D> g[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) g[v] = hn::LoadU(d, dz + v * lanes);
      ForEachCell(w, channels, PlaceOf(w, oy, ox), [&](int64_t cell, int64_t offset) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int64_t at = cell * channels + v * lanes;
          const int64_t from = offset + v * lanes;
          hn::StoreU(hn::MulAdd(g[v], hn::LoadU(d, x + from), hn::LoadU(d, dw + at)), d, dw + at);
          if (dx != nullptr) {
            hn::StoreU(hn::MulAdd(g[v], hn::LoadU(d, weights + at), hn::LoadU(d, dx + from)), d,
                       dx + from);
          }
        }
      });
    }
  }
}

/// Calls visit(tag, vectors as a constant, first channel): two vectors at a time, one, one value.
template <class Visit>
HWY_INLINE void ForEachChannels(int64_t channels, Visit&& visit) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + 2 * lanes <= channels; c += 2 * lanes) {
    visit(d, std::integral_constant<int, 2>(), c);
  }
  for (; c + lanes <= channels; c += lanes) visit(d, std::integral_constant<int, 1>(), c);
  for (; c < channels; ++c) {
    visit(hn::CappedTag<float, 1>(), std::integral_constant<int, 1>(), c);
  }
}

void Forward(const Window& window, int64_t channels, const float* x, const float* w, float* z) {
  ForEachChannels(channels, [&](auto d, auto vectors, int64_t c) {
    ForwardChannels<decltype(vectors)::value>(d, window, channels, c, x, w, z);
  });
}

void Backward(const Window& window, int64_t channels, const float* x, const float* w,
              const float* dz, float* dx, float* dw) {
  ForEachChannels(channels, [&](auto d, auto vectors, int64_t c) {
    BackwardChannels<decltype(vectors)::value>(d, window, channels, c, x, w, dz, dx, dw);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt::train
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt::train {
HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void depthwise_forward(const Window& window, int64_t channels, const float* x, const float* w,
                       float* z) {
  HWY_DYNAMIC_DISPATCH(Forward)(window, channels, x, w, z);
}

void depthwise_backward(const Window& window, int64_t channels, const float* x, const float* w,
                        const float* dz, float* dx, float* dw) {
  HWY_DYNAMIC_DISPATCH(Backward)(window, channels, x, w, dz, dx, dw);
}
}  // namespace smelt::train
#endif
