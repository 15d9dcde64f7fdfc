#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/depthwise_fast.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include "hwy/highway.h"
#include "smelt/kernels/depthwise_fast.h"
#include "smelt/kernels/requantize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The cells of one window that lie inside the image.
struct Cells {
  const int64_t* offset;  ///< from the base pointer, in values
  const int64_t* index;   ///< row of the weights
  int64_t count;
};

struct FloatLanes {
  using X = float;
  using Y = float;
  static constexpr int kVectors = 4;
  template <int V, class D>
  static HWY_INLINE void Run(D, const DepthwiseFast& op, const float* x, const Cells& cells,
                             int64_t plane, int64_t channel, float* y) {
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
    const D d;
    const int64_t column = plane * op.channels + channel;
    const float* w = op.weights_float.data() + plane * op.window.cells() * op.channels + channel;
    hn::Vec<D> sum[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[v] = hn::LoadU(d, op.bias_float.data() + column + v * lanes);
    for (int64_t i = 0; i < cells.count; ++i) {
      const float* from = x + cells.offset[i] + channel;
      const float* weights = w + cells.index[i] * op.channels;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        sum[v] =
            hn::MulAdd(hn::LoadU(d, from + v * lanes), hn::LoadU(d, weights + v * lanes), sum[v]);
      }
    }
    const auto low = hn::Set(d, op.range_float.low);
    const auto high = hn::Set(d, op.range_float.high);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      hn::StoreU(hn::Min(high, hn::Max(low, sum[v])), d, y + v * lanes);
    }
  }
  using Tag = hn::ScalableTag<float>;
  template <size_t kLanes>
  using Capped = hn::CappedTag<float, kLanes>;
};

template <class T>
struct IntLanes {
  using X = T;
  using Y = T;
  static constexpr int kVectors = 4;
  template <int V, class D>
  static HWY_INLINE void Run(D, const DepthwiseFast& op, const T* x, const Cells& cells,
                             int64_t plane, int64_t channel, T* y) {
    const D d;
    const hn::Rebind<T, D> narrow;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const int64_t column = plane * op.channels + channel;
    const int32_t* w = op.weights_int.data() + plane * op.window.cells() * op.channels + channel;
    const auto zero = hn::Set(d, op.x_zero);
    hn::Vec<D> sum[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[v] = hn::LoadU(d, op.bias_int.data() + column + v * lanes);
    for (int64_t i = 0; i < cells.count; ++i) {
      const T* from = x + cells.offset[i] + channel;
      const int32_t* weights = w + cells.index[i] * op.channels;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const auto xv = hn::Sub(hn::PromoteTo(d, hn::LoadU(narrow, from + v * lanes)), zero);
        sum[v] = AddProduct16(d, xv, hn::LoadU(d, weights + v * lanes), sum[v]);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const auto value = RequantizeVector(d, sum[v], op.requantization, column + v * lanes);
      hn::StoreU(hn::DemoteTo(narrow, value), narrow, y + v * lanes);
    }
  }
  using Tag = hn::ScalableTag<int32_t>;
  template <size_t kLanes>
  using Capped = hn::CappedTag<int32_t, kLanes>;
};

/// All channels of one plane (one m) at one position. Where channels do not fill whole vectors, the
/// last vector starts earlier and computes some channels twice.
template <class Kind, class D>
HWY_INLINE void RunPlane(D d, const DepthwiseFast& op, const typename Kind::X* x,
                         const Cells& cells, int64_t plane, typename Kind::Y* y) {
  constexpr int V = Kind::kVectors;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + V * lanes <= op.channels; c += V * lanes) {
    Kind::template Run<V>(d, op, x, cells, plane, c, y + c);
  }
  for (; c + lanes <= op.channels; c += lanes) {
    Kind::template Run<1>(d, op, x, cells, plane, c, y + c);
  }
  if (c < op.channels) {
    c = op.channels - lanes;
    Kind::template Run<1>(d, op, x, cells, plane, c, y + c);
  }
}

template <class Kind, class D>
HWY_INLINE void RunPosition(D d, const DepthwiseFast& op, const typename Kind::X* x,
                            const Cells& cells, typename Kind::Y* y) {
  if (op.multiplier == 1) return RunPlane<Kind>(d, op, x, cells, 0, y);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t plane = 0; plane < op.multiplier; ++plane) {
    for (int64_t first = 0; first < op.channels; first += lanes) {
      const int64_t c = std::min(first, op.channels - lanes);
      HWY_ALIGN typename Kind::Y values[HWY_MAX_BYTES / sizeof(typename Kind::Y)];
      Kind::template Run<1>(d, op, x, cells, plane, c, values);
      for (int64_t i = 0; i < lanes; ++i) y[(c + i) * op.multiplier + plane] = values[i];
    }
  }
}

/// Cells inside the image for the window whose first cell is at (y, x).
HWY_INLINE Cells InsideCells(const DepthwiseFast& op, int64_t y, int64_t x, int64_t* scratch) {
  const Window& w = op.window;
  const CellRange ys = cells_inside(y, w.dilation_h, w.filter_h, w.in_h);
  const CellRange xs = cells_inside(x, w.dilation_w, w.filter_w, w.in_w);
  int64_t* index = scratch + w.cells();
  int64_t count = 0;
  for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
    for (int64_t kx = xs.begin; kx < xs.end; ++kx, ++count) {
      index[count] = ky * w.filter_w + kx;
      scratch[count] = op.cell_offset[static_cast<size_t>(index[count])];
    }
  }
  return {scratch, index, count};
}

template <class Kind, class D>
HWY_NOINLINE void RunImages(D d, const DepthwiseFast& op, const typename Kind::X* x,
                            typename Kind::Y* y, int64_t* scratch) {
  const Window& w = op.window;
  const int64_t line = w.in_w * op.channels;
  for (int64_t n = 0; n < op.batch; ++n, x += w.in_h * line) {
    for (int64_t oy = 0; oy < w.out_h; ++oy) {
      const int64_t iy = oy * w.stride_h + w.origin_h;
      Cells cells{nullptr, nullptr, 0};
      bool whole_before = false;  // windows that are whole from left to right share their cells
      for (int64_t ox = 0; ox < w.out_w; ++ox, y += op.channels * op.multiplier) {
        const int64_t ix = ox * w.stride_w + w.origin_w;
        const bool whole = ix >= 0 && ix + (w.filter_w - 1) * int64_t{w.dilation_w} < w.in_w;
        if (!whole || !whole_before) cells = InsideCells(op, iy, ix, scratch);
        whole_before = whole;
        RunPosition<Kind>(d, op, x + iy * line + ix * op.channels, cells, y);
      }
    }
  }
}

template <class Kind>
HWY_INLINE void RunDepthwise(const DepthwiseFast& op, const typename Kind::X* x,
                             typename Kind::Y* y, int64_t* scratch) {
  const typename Kind::Tag d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (op.channels >= lanes) return RunImages<Kind>(d, op, x, y, scratch);
#if HWY_TARGET != HWY_SCALAR
  if (op.channels >= 8) {
    return RunImages<Kind>(typename Kind::template Capped<8>(), op, x, y, scratch);
  }
  if (op.channels >= 4) {
    return RunImages<Kind>(typename Kind::template Capped<4>(), op, x, y, scratch);
  }
  return RunImages<Kind>(typename Kind::template Capped<2>(), op, x, y, scratch);
#endif
}

void DepthwiseFloat(const DepthwiseFast& op, const float* x, float* y, int64_t* scratch) {
  RunDepthwise<FloatLanes>(op, x, y, scratch);
}

void DepthwiseInt(const DepthwiseFast& op, const void* x, void* y, int64_t* scratch) {
  if (op.type == DataType::int8) {
    RunDepthwise<IntLanes<int8_t>>(op, static_cast<const int8_t*>(x), static_cast<int8_t*>(y),
                                   scratch);
  } else {
    RunDepthwise<IntLanes<uint8_t>>(op, static_cast<const uint8_t*>(x), static_cast<uint8_t*>(y),
                                    scratch);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
HWY_EXPORT(DepthwiseFloat);
HWY_EXPORT(DepthwiseInt);

void run_depthwise_float(const DepthwiseFast& op, const float* x, float* y, int64_t* scratch) {
  HWY_DYNAMIC_DISPATCH(DepthwiseFloat)(op, x, y, scratch);
}
void run_depthwise_int(const DepthwiseFast& op, const void* x, void* y, int64_t* scratch) {
  HWY_DYNAMIC_DISPATCH(DepthwiseInt)(op, x, y, scratch);
}
}  // namespace smelt
#endif
