#include <algorithm>
#include <limits>

#include "smelt/ops/op_def.h"

namespace smelt {

int32_t window_output_size(Padding padding, int32_t size, int32_t filter, int32_t stride,
                           int32_t dilation) {
  if (stride < 1) fail(ErrorKind::bad_file, "stride is {}", stride);
  if (dilation < 1) fail(ErrorKind::bad_file, "dilation is {}", dilation);
  if (filter < 1) fail(ErrorKind::bad_file, "window of size {}", filter);
  if (size < 1) fail(ErrorKind::bad_file, "window over an axis of size {}", size);
  const int64_t extent = (static_cast<int64_t>(filter) - 1) * dilation + 1;
  const int64_t positions =
      padding == Padding::same
          ? (static_cast<int64_t>(size) + stride - 1) / stride
          : (extent > size ? 0 : (static_cast<int64_t>(size) - extent) / stride + 1);
  if (positions < 1) {
    fail(ErrorKind::bad_file, "a window of {} cells does not fit an axis of size {}", extent, size);
  }
  return static_cast<int32_t>(positions);
}

int32_t window_padding(int32_t size, int32_t filter, int32_t stride, int32_t dilation,
                       int32_t output_size) {
  const int64_t extent = (static_cast<int64_t>(filter) - 1) * dilation + 1;
  const int64_t reach = (static_cast<int64_t>(output_size) - 1) * stride + extent;
  const int64_t padding = std::max<int64_t>(reach - size, 0) / 2;
  return static_cast<int32_t>(std::min<int64_t>(padding, std::numeric_limits<int32_t>::max()));
}

}  // namespace smelt
