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

/// The cells that the windows at hand have inside the image.
struct Cells {
  const int64_t* offset;  ///< from a window's first value in x
  const int64_t* weight;  ///< from a plane's first weight
  int64_t count;
  bool all;  ///< of the filter
};

/// Windows that share their cells, `step` values apart in x: `groups` times as many as are computed
/// together.
template <class T>
struct Windows {
  const T* x;
  int64_t step;
  int64_t groups;
};

struct FloatLanes {
  using T = float;
  using Tag = hn::ScalableTag<float>;
  template <size_t kLanes>
  using Capped = hn::CappedTag<float, kLanes>;

  /// V vectors of channels from `channel` on, P windows at a time; results are y_step values apart.
  template <int P, int V, class D>
  static HWY_NOINLINE void Run(D d, const DepthwiseFast& op, const Windows<T>& windows,
                               const Cells& cells, int64_t plane, int64_t channel, T* y,
                               int64_t y_step) {
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const int64_t column = plane * op.channels + channel;
    const float* w = op.weights_float.data() + plane * op.window.cells() * op.channels + channel;
    const auto low = hn::Set(d, op.range_float.low);
    const auto high = hn::Set(d, op.range_float.high);
    const float* x = windows.x + channel;
    for (int64_t g = 0; g < windows.groups; ++g, x += P * windows.step, y += P * y_step) {
      hn::Vec<D> sum[P][V];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          sum[p][v] = hn::LoadU(d, op.bias_float.data() + column + v * lanes);
        }
      }
      for (int64_t i = 0; i < cells.count; ++i) {
        const float* from = x + cells.offset[i];
        const float* weights = w + cells.weight[i];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          const auto weight = hn::LoadU(d, weights + v * lanes);
#pragma GCC unroll 4
          for (int p = 0; p < P; ++p) {
            const auto value = hn::LoadU(d, from + p * windows.step + v * lanes);
            sum[p][v] = hn::MulAdd(value, weight, sum[p][v]);
          }
        }
      }
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          const auto value = hn::Min(high, hn::Max(low, sum[p][v]));
          hn::StoreU(value, d, y + p * y_step + v * lanes);
        }
      }
    }
  }
};

template <class Element>
struct IntLanes {
  using T = Element;
  using Tag = hn::ScalableTag<int32_t>;
  template <size_t kLanes>
  using Capped = hn::CappedTag<int32_t, kLanes>;

  template <int P, int V, class D>
  static HWY_INLINE void Run(D d, const DepthwiseFast& op, const Windows<T>& windows,
                             const Cells& cells, int64_t plane, int64_t channel, T* y,
                             int64_t y_step) {
    // The zero point of x is part of the bias where all cells count.
    if (cells.all) {
      RunSums<true, P, V>(d, op, windows, cells, plane, channel, y, y_step);
    } else {
      RunSums<false, P, V>(d, op, windows, cells, plane, channel, y, y_step);
    }
  }

  template <bool kFolded, int P, int V, class D>
  static HWY_NOINLINE void RunSums(D d, const DepthwiseFast& op, const Windows<T>& windows,
                                   const Cells& cells, int64_t plane, int64_t channel, T* y,
                                   int64_t y_step) {
    const hn::Rebind<T, D> narrow;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const int64_t column = plane * op.channels + channel;
    const int32_t* w = op.weights_int.data() + plane * op.window.cells() * op.channels + channel;
    const int32_t* bias = (kFolded ? op.bias_folded : op.bias_int).data() + column;
    const auto zero = hn::Set(d, op.x_zero);
    const T* x = windows.x + channel;
    for (int64_t g = 0; g < windows.groups; ++g, x += P * windows.step, y += P * y_step) {
      hn::Vec<D> sum[P][V];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sum[p][v] = hn::LoadU(d, bias + v * lanes);
      }
      for (int64_t i = 0; i < cells.count; ++i) {
        const T* from = x + cells.offset[i];
        const int32_t* weights = w + cells.weight[i];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
          const auto weight = hn::LoadU(d, weights + v * lanes);
#pragma GCC unroll 4
          for (int p = 0; p < P; ++p) {
            auto value = hn::PromoteTo(d, hn::LoadU(narrow, from + p * windows.step + v * lanes));
            if (!kFolded) value = hn::Sub(value, zero);
            sum[p][v] = AddProduct16(d, value, weight, sum[p][v]);
            KeepInRegister(sum[p][v]);
          }
        }
      }
      if (op.requantization.any_left) {
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
#pragma GCC unroll 4
          for (int p = 0; p < P; ++p) {
            sum[p][v] = ShiftSum(d, sum[p][v], op.requantization, column + v * lanes);
          }
        }
      }
      if (op.requantization.real) {
        Store<RealRule, P, V>(d, op.requantization, sum, column, y, y_step);
      } else {
        Store<FixedRule, P, V>(d, op.requantization, sum, column, y, y_step);
      }
    }
  }

  template <template <class> class Rule, int P, int V, class D>
  static HWY_INLINE void Store(D d, const Requantization& q, const hn::Vec<D> (&sum)[P][V],
                               int64_t column, T* y, int64_t y_step) {
    const hn::Rebind<T, D> narrow;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const Rule<D> rule(d, q, column + v * lanes);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const auto value = rule(d, sum[p][v]);
        hn::StoreU(hn::DemoteTo(narrow, value), narrow, y + p * y_step + v * lanes);
      }
    }
  }
};

/// All channels of windows, P at a time; multiplier 1. Where channels do not fill whole vectors,
/// the last vector starts earlier and computes some channels twice.
template <class Kind, int P, class D>
HWY_NOINLINE void RunWindows(D d, const DepthwiseFast& op, const Windows<typename Kind::T>& windows,
                             const Cells& cells, typename Kind::T* y) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t channels = op.channels;
  int64_t c = 0;
  for (; c + 2 * lanes <= channels; c += 2 * lanes) {
    Kind::template Run<P, 2>(d, op, windows, cells, 0, c, y + c, channels);
  }
  for (; c < channels; c += lanes) {
    c = std::min(c, channels - lanes);
    Kind::template Run<P, 1>(d, op, windows, cells, 0, c, y + c, channels);
  }
}

/// One window with several outputs to each input channel, whose results do not lie side by side.
template <class Kind, class D>
HWY_NOINLINE void RunPlanes(D d, const DepthwiseFast& op, const Windows<typename Kind::T>& windows,
                            const Cells& cells, typename Kind::T* y) {
  using T = typename Kind::T;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t plane = 0; plane < op.multiplier; ++plane) {
    for (int64_t first = 0; first < op.channels; first += lanes) {
      const int64_t c = std::min(first, op.channels - lanes);
      HWY_ALIGN T values[HWY_MAX_BYTES / sizeof(T)];
      Kind::template Run<1, 1>(d, op, windows, cells, plane, c, values, 0);
      for (int64_t i = 0; i < lanes; ++i) y[(c + i) * op.multiplier + plane] = values[i];
    }
  }
}

/// Cells inside the image for a window whose first cell is at (y, x).
HWY_INLINE Cells InsideCells(const DepthwiseFast& op, int64_t y, int64_t x, int64_t* scratch) {
  const Window& w = op.window;
  const CellRange ys = cells_inside(y, w.dilation_h, w.filter_h, w.in_h);
  const CellRange xs = cells_inside(x, w.dilation_w, w.filter_w, w.in_w);
  int64_t* weight = scratch + w.cells();
  int64_t count = 0;
  for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
    for (int64_t kx = xs.begin; kx < xs.end; ++kx, ++count) {
      scratch[count] = (ky * w.dilation_h * w.in_w + kx * w.dilation_w) * op.channels;
      weight[count] = (ky * w.filter_w + kx) * op.channels;
    }
  }
  return {scratch, weight, count, count == w.cells()};
}

/// One line of y. Windows that are whole from left to right share their cells.
template <class Kind, class D>
HWY_INLINE void RunLine(D d, const DepthwiseFast& op, const typename Kind::T* line, int64_t iy,
                        typename Kind::T* y, int64_t* scratch) {
  constexpr int kTogether = 4;
  const Window& w = op.window;
  const int64_t reach = (int64_t{w.filter_w} - 1) * w.dilation_w;
  const int64_t outputs = op.channels * op.multiplier;
  const int64_t step = w.stride_w * op.channels;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  bool shared = false;
  Cells cells{nullptr, nullptr, 0, false};
  for (int64_t ox = 0; ox < w.out_w;) {
    const int64_t ix = ox * w.stride_w + w.origin_w;
    const auto whole = [&](int64_t x) { return x >= 0 && x + reach < w.in_w; };
    const bool shares = whole(ix);
    if (!shares || !shared) cells = InsideCells(op, iy, ix, scratch);
    shared = shares;
    Windows<typename Kind::T> windows{line + ix * op.channels, step, 1};
    const int64_t more = shares ? (w.in_w - 1 - reach - ix) / w.stride_w : 0;  // whole ones behind
    // A line at a time where a window's channels are few; else it is better to read x in order.
    const int64_t most = op.channels <= 2 * lanes ? w.out_w : kTogether;
    const int64_t together = std::min({more + 1, w.out_w - ox, most}) / kTogether;
    if (op.multiplier > 1) {
      RunPlanes<Kind>(d, op, windows, cells, y + ox * outputs);
      ++ox;
    } else if (together > 0) {
      windows.groups = together;
      RunWindows<Kind, kTogether>(d, op, windows, cells, y + ox * outputs);
      ox += together * kTogether;
    } else {
      RunWindows<Kind, 1>(d, op, windows, cells, y + ox * outputs);
      ++ox;
    }
  }
}

template <class Kind, class D>
HWY_INLINE void RunImages(D d, const DepthwiseFast& op, const typename Kind::T* x,
                          typename Kind::T* y, int64_t* scratch) {
  const Window& w = op.window;
  const int64_t line = w.in_w * op.channels;
  for (int64_t n = 0; n < op.batch; ++n, x += w.in_h * line) {
    for (int64_t oy = 0; oy < w.out_h; ++oy, y += w.out_w * op.channels * op.multiplier) {
      const int64_t iy = oy * w.stride_h + w.origin_h;
      RunLine<Kind>(d, op, x + iy * line, iy, y, scratch);
    }
  }
}

template <class Kind>
HWY_INLINE void RunDepthwise(const DepthwiseFast& op, const typename Kind::T* x,
                             typename Kind::T* y, int64_t* scratch) {
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
