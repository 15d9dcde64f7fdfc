#pragma once

#include "smelt/kernels/window.h"

namespace smelt {

/// Windows of an NHWC tensor as rows of a matrix: row i holds, cell by cell, channels
/// [first_channel, first_channel + row_channels) of the window at position i, counted through all
/// images; padding is 0.
struct Im2Col {
  Window window;
  int64_t batch = 1;
  int64_t channels = 1;  ///< of the tensor
  int64_t first_channel = 0;
  int64_t row_channels = 1;
  int64_t row_stride = 0;  ///< values from one row to the next, at least cells * row_channels

  /// True where the rows are the tensor itself.
  bool pointwise() const {
    return window.cells() == 1 && window.stride_h == 1 && window.stride_w == 1 &&
           window.origin_h == 0 && window.origin_w == 0 && window.out_h == window.in_h &&
           window.out_w == window.in_w && row_channels == channels;
  }
  int64_t input_elements() const { return batch * window.in_h * window.in_w * channels; }
};

/// Values behind the last row that may be overwritten too.
inline constexpr int64_t kIm2ColSlack = 64;

/// Rows [first, first + count).
void im2col(const Im2Col& shape, const float* x, int64_t first, int64_t count, float* rows);
/// The same with the zero point subtracted; where a row has room behind its cells, that is 0.
void im2col(const Im2Col& shape, const int8_t* x, int32_t zero, int64_t first, int64_t count,
            int16_t* rows);
void im2col(const Im2Col& shape, const uint8_t* x, int32_t zero, int64_t first, int64_t count,
            int16_t* rows);

/// Copies line iy of an image's window columns: `columns` pixels from origin_w on, those outside of
/// the image as 0. Up to kIm2ColSlack values behind them are overwritten, too. `image` is the first
/// value of the image, `end` the end of the tensor.
struct LineCopy {
  int64_t iy = 0;
  int64_t columns = 0;
};
void copy_line(const Im2Col& shape, LineCopy line, const float* image, const float* end, float* to);
void copy_line(const Im2Col& shape, LineCopy line, const int8_t* image, const int8_t* end,
               int32_t zero, int16_t* to);
void copy_line(const Im2Col& shape, LineCopy line, const uint8_t* image, const uint8_t* end,
               int32_t zero, int16_t* to);

}  // namespace smelt
