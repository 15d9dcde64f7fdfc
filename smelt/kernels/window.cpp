#include "smelt/kernels/window.h"

#include "smelt/ops/op_def.h"

namespace smelt {
Window make_window(const WindowAttributes& a, const Operand& x, const Operand& y) {
  require_rank(x, 4, 4);
  require_rank(y, 4, 4);
  if (x.shape.elements() == 0) fail(ErrorKind::bad_file, "{} is empty", x.name);
  Window w{.in_h = x.shape[1],
           .in_w = x.shape[2],
           .filter_h = a.filter_h,
           .filter_w = a.filter_w,
           .stride_h = a.stride_h,
           .stride_w = a.stride_w,
           .dilation_h = a.dilation_h,
           .dilation_w = a.dilation_w};
  w.out_h = window_output_size(a.padding, w.in_h, w.filter_h, w.stride_h, w.dilation_h);
  w.out_w = window_output_size(a.padding, w.in_w, w.filter_w, w.stride_w, w.dilation_w);
  w.origin_h = -window_padding(w.in_h, w.filter_h, w.stride_h, w.dilation_h, w.out_h);
  w.origin_w = -window_padding(w.in_w, w.filter_w, w.stride_w, w.dilation_w, w.out_w);
  require_shape(y, Shape{x.shape[0], w.out_h, w.out_w, y.shape[3]});
  return w;
}

}  // namespace smelt
