#include "smelt/kernels/conv_gemm.h"

#include <algorithm>

namespace smelt {

int64_t rows_per_block(int64_t row_bytes, int64_t row_count) {
  constexpr int64_t kBlockBytes = 48 * 1024;
  constexpr int64_t kTile = 12;  // a multiple of the rows that the products take at once
  const int64_t fitting = kBlockBytes / std::max<int64_t>(row_bytes, 1) / kTile * kTile;
  return std::min(std::clamp<int64_t>(fitting, kTile, 192), std::max<int64_t>(row_count, 1));
}

int64_t ConvGemm::scratch_bytes() const {
  const int64_t value = floats.empty() ? 2 : 4;
  if (!floats.empty() && rows.pointwise()) return 0;
  return checked_mul(block, rows.row_stride * value, "rows of a convolution") +
         kIm2ColSlack * value;
}

namespace {

void run_float(const ConvGemm& conv, const float* x, int64_t first, int64_t count, float* y,
               int64_t stride, float* scratch) {
  Im2Col rows = conv.rows;
  for (const FloatGemm& gemm : conv.floats) {
    if (rows.pointwise()) {
      gemm.run(gemm, x + first * rows.channels, rows.channels, count, y, stride);
    } else {
      im2col(rows, x, first, count, scratch);
      gemm.run(gemm, scratch, rows.row_stride, count, y, stride);
    }
    rows.first_channel += rows.row_channels;
    y += gemm.n;
  }
}

void run_int(const ConvGemm& conv, const void* x, int64_t first, int64_t count, uint8_t* y,
             int64_t stride, int16_t* scratch) {
  Im2Col rows = conv.rows;
  for (const IntGemm& gemm : conv.ints) {
    if (conv.unsigned_x) {
      im2col(rows, static_cast<const uint8_t*>(x), conv.x_zero, first, count, scratch);
    } else {
      im2col(rows, static_cast<const int8_t*>(x), conv.x_zero, first, count, scratch);
    }
    gemm.run(gemm, scratch, rows.row_stride, count, y, stride);
    rows.first_channel += rows.row_channels;
    y += gemm.n;
  }
}

}  // namespace

void run_conv_gemm(const ConvGemm& conv, const void* x, int64_t first, int64_t last, void* y,
                   int64_t stride, std::byte* scratch) {
  for (int64_t row = first; row < last; row += conv.block) {
    const int64_t count = std::min(conv.block, last - row);
    const int64_t at = (row - first) * stride;
    if (!conv.floats.empty()) {
      run_float(conv, static_cast<const float*>(x), row, count, static_cast<float*>(y) + at, stride,
                reinterpret_cast<float*>(scratch));
    } else {
      run_int(conv, x, row, count, static_cast<uint8_t*>(y) + at, stride,
              reinterpret_cast<int16_t*>(scratch));
    }
  }
}

}  // namespace smelt
