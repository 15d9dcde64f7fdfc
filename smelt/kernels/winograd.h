#pragma once

#include <vector>

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/im2col.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

/// A 3x3 float convolution of stride 1 by Winograd's F(2x2, 3x3): a tile of 2x2 outputs takes 16
/// multiplications per pair of channels instead of 36. Tiles of 4x4 inputs are transformed (sums
/// and differences only), multiplied by transformed weights position by position as 16 matrix
/// products, and transformed back. The constants are 0, 1 and 1/2, so that the error stays near
/// that of the direct sum; infinities reach all four outputs of a tile, as NaN.
struct Winograd {
  Im2Col shape;
  int64_t outputs = 0;
  int64_t block = 0;               ///< tiles to transform at once
  std::vector<FloatGemm> weights;  ///< one for each of the 16 positions
  AlignedArray<float> bias;
  FloatRange range;

  int64_t tiles_h() const { return (int64_t{shape.window.out_h} + 1) / 2; }
  int64_t tiles_w() const { return (int64_t{shape.window.out_w} + 1) / 2; }
  int64_t tiles() const { return shape.batch * tiles_h() * tiles_w(); }
  // Values from a position to the next; not a power of 2, which would crowd few lines of a cache.
  int64_t input_step() const { return round_up(block * shape.channels, 16) + 16; }
  int64_t output_step() const { return round_up(block * outputs, 16) + 16; }
  int64_t zeros() const { return round_up(shape.channels, 16); }  ///< for cells outside
  int64_t scratch_bytes() const;
};

/// True where a convolution of one group can run so, and is faster for it on this machine.
bool winograd_pays(const Im2Col& shape, int64_t outputs);

/// What `weights` [outputs,3,3,channels] and `bias` (may be null) become. bad_file where the
/// scratch of a tile would be too large to count.
Winograd make_winograd(const Im2Col& shape, int64_t outputs, const float* weights,
                       const float* bias, FloatRange range);

/// The kernel of CONV_2D.
Kernel winograd_kernel(Winograd winograd);

}  // namespace smelt
