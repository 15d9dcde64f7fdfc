#pragma once

#include <memory>
#include <vector>

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/im2col.h"
#include "smelt/kernels/weighted.h"

namespace smelt {

/// Where a convolution writes: position (n, oy, ox) starts at first + n * image + oy * line +
/// ox * pixel, in values of y (in bytes where int8 products give int32 sums).
struct OutputPlace {
  int64_t first = 0;
  int64_t image = 0;
  int64_t line = 0;
  int64_t pixel = 0;
};

/// How the rows of the matrix product come about.
enum class ConvRows {
  in_place,  ///< pointwise float: the rows are x itself
  lines,     ///< lines of x are copied once, with padding at both ends; windows overlap in them
  windows,   ///< every window is copied (im2col), a block of rows at a time
};

/// A convolution as matrix products with packed weights.
struct ConvGemm {
  Im2Col shape;  ///< of the first group; group g starts at channel g * shape.row_channels
  OutputPlace place;
  ConvRows rows = ConvRows::windows;
  int64_t block = 0;    ///< rows to compute at once, of in_place and windows
  int64_t columns = 0;  ///< pixels of a line
  int64_t slots = 0;    ///< lines kept at a time; line iy is in slot iy % slots
  bool unsigned_x = false;
  int32_t x_zero = 0;
  std::vector<FloatGemm> floats;  ///< one per group, or none
  std::vector<IntGemm> ints;

  int64_t row_count() const { return shape.batch * shape.window.positions(); }
  /// Values of a line, and of what lies in front of the next one.
  int64_t line_values() const { return round_up(columns * shape.channels + kIm2ColSlack, 32); }
  int64_t scratch_bytes() const;
};

/// Decides about rows, block, columns, slots and the stride of copied windows.
/// `weight_bytes`: of all packed weights, which lines read once for each line of y.
void plan_rows(ConvGemm& conv, int64_t groups, bool is_float, int64_t weight_bytes);

/// y dense, or placed as `place` says. weight_index(channel, k) says where in the weights output
/// channel `channel` has its value for the k-th value of a window (cell by cell, channels inside),
/// over all groups.
template <class WeightIndex>
ConvGemm make_conv_gemm(const PrepareArgs& args, const Weighted& op, const Im2Col& shape,
                        const OutputPlace& place, int64_t groups, WeightIndex&& weight_index) {
  const Operand& w = args.input(op.layout.w);
  const void* bias = op.has_bias ? args.input(op.layout.bias).constant : nullptr;
  const bool is_float = op.kind == WeightedKind::float32;
  ConvGemm conv{.shape = shape,
                .place = place,
                .unsigned_x = op.kind == WeightedKind::uint8,
                .x_zero = op.x_zero};
  const int64_t k = shape.window.cells() * shape.row_channels;
  const int64_t n = op.channels / groups;
  plan_rows(conv, groups, is_float, op.channels * k * (is_float ? 4 : 1));
  const int64_t segments = conv.rows == ConvRows::lines ? shape.window.filter_h : 1;
  for (int64_t first = 0; first < op.channels; first += n) {
    if (is_float) {
      const auto* values = w.constant_as<float>();
      const auto* b = static_cast<const float*>(bias);
      conv.floats.push_back(pack_float_gemm(
          n, k, b != nullptr ? b + first : nullptr, op.float_range,
          [&](int64_t i, int64_t j) { return values[weight_index(first + i, j)]; }));
      continue;
    }
    const IntWeights values = int_weights(op, w);
    const auto* b = static_cast<const int32_t*>(bias);
    IntGemmOptions options{.bias = b != nullptr ? b + first : nullptr,
                           .multipliers = op.multipliers,
                           .scales = op.scales,
                           .zero = op.y_zero,
                           .range = op.range,
                           .output = args.output().type,
                           .wide = op.kind == WeightedKind::uint8 || op.w_zero != 0};
    if (options.multipliers.size() > 1) {
      options.multipliers.assign(op.multipliers.begin() + first,
                                 op.multipliers.begin() + first + n);
    }
    if (options.scales.size() > 1) {
      options.scales.assign(op.scales.begin() + first, op.scales.begin() + first + n);
    }
    conv.ints.push_back(pack_int_gemm(n, k, segments, options, [&](int64_t i, int64_t j) {
      return values[weight_index(first + i, j)];
    }));
  }
  return conv;
}

/// The place of a dense result with `channels` channels.
OutputPlace dense_place(const Window& window, int64_t channels);

void run_conv_gemm(const ConvGemm& conv, const void* x, void* y, std::byte* scratch);
/// int8 with a zero point of x that is known only now, in place of conv.x_zero.
void run_conv_gemm(const ConvGemm& conv, const int8_t* x, int32_t x_zero, void* y,
                   std::byte* scratch);

/// A kernel that runs it on operand `x`.
Kernel conv_gemm_kernel(ConvGemm conv, size_t x);

}  // namespace smelt
