#pragma once

#include <cstdint>

#include "smelt/kernels/kernel.h"

namespace smelt {

/// The positions of a window that slides over an image. Position (oy, ox), cell (ky, kx) reads
/// input (oy * stride_h + ky * dilation_h + origin_h, ox * stride_w + kx * dilation_w + origin_w);
/// cells outside of the image are padding.
struct Window {
  int32_t in_h = 0, in_w = 0;
  int32_t out_h = 0, out_w = 0;
  int32_t filter_h = 1, filter_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t origin_h = 0, origin_w = 0;

  int64_t positions() const { return static_cast<int64_t>(out_h) * out_w; }
  int64_t cells() const { return static_cast<int64_t>(filter_h) * filter_w; }
};

/// What ops with a window have in their attributes, and the filter's size.
struct WindowAttributes {
  Padding padding = Padding::same;
  int32_t filter_h = 1, filter_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
};

/// The window of x [N,H,W,C] -> y [N,Ho,Wo,*]. bad_file where filter, stride or dilation are not
/// positive, x is empty, or y's N, Ho or Wo are not what they must be.
Window make_window(const WindowAttributes& attributes, const Operand& x, const Operand& y);

/// The same for a convolution with attributes `a` and weights w [*,Hf,Wf,*].
template <class Attributes>
Window conv_window(const Attributes& a, const Operand& x, const Operand& w, const Operand& y) {
  return make_window({.padding = a.padding,
                      .filter_h = w.shape[1],
                      .filter_w = w.shape[2],
                      .stride_h = a.stride_h,
                      .stride_w = a.stride_w,
                      .dilation_h = a.dilation_h,
                      .dilation_w = a.dilation_w},
                     x, y);
}

/// Filter cells [begin, end) that lie inside an axis of `size`, for a window whose first cell is
/// at `start` (negative where it begins in the padding).
struct CellRange {
  int32_t begin = 0, end = 0;
};
inline CellRange cells_inside(int64_t start, int32_t dilation, int32_t filter, int32_t size) {
  int64_t begin = start >= 0 ? 0 : -start;
  int64_t end = start >= size ? 0 : size - start;
  if (dilation != 1) {
    begin = (begin + dilation - 1) / dilation;
    end = (end + dilation - 1) / dilation;
  }
  const int64_t last = end < filter ? end : filter;
  return {static_cast<int32_t>(begin < last ? begin : last), static_cast<int32_t>(last)};
}

}  // namespace smelt
