#pragma once

#include <memory>
#include <vector>

#include "smelt/kernels/gemm.h"
#include "smelt/kernels/im2col.h"
#include "smelt/kernels/weighted.h"

namespace smelt {

/// A convolution as matrix products: windows are copied to a block of rows at a time, which stays
/// in cache, and multiplied with packed weights.
struct ConvGemm {
  Im2Col rows;  ///< of the first group; group g starts at channel g * rows.row_channels
  int64_t block = 0;
  int64_t group_outputs = 0;  ///< output channels of a group
  int64_t outputs = 0;        ///< of all
  bool unsigned_x = false;
  int32_t x_zero = 0;
  std::vector<FloatGemm> floats;  ///< one per group, or none
  std::vector<IntGemm> ints;

  int64_t row_count() const { return rows.batch * rows.window.positions(); }
  int64_t scratch_bytes() const;
};

/// Rows to copy at once so that they stay near, where one takes `row_bytes`.
int64_t rows_per_block(int64_t row_bytes, int64_t row_count);

/// weight_index(channel, k) says where in the weights output channel `channel` has its value for
/// the k-th value of a window (cell by cell, channels inside), over all groups.
template <class WeightIndex>
ConvGemm make_conv_gemm(const PrepareArgs& args, const Weighted& op, const Im2Col& rows,
                        int64_t groups, WeightIndex&& weight_index) {
  const Operand& w = args.input(op.layout.w);
  const void* bias = op.has_bias ? args.input(op.layout.bias).constant : nullptr;
  const bool is_float = op.kind == WeightedKind::float32;
  ConvGemm conv{.rows = rows,
                .group_outputs = op.channels / groups,
                .outputs = op.channels,
                .unsigned_x = op.kind == WeightedKind::uint8,
                .x_zero = op.x_zero};
  const int64_t k = rows.window.cells() * rows.row_channels;
  const int64_t n = conv.group_outputs;
  conv.rows.row_stride = is_float ? k : round_up(k, 2);
  conv.block = rows_per_block(conv.rows.row_stride * (is_float ? 4 : 2), conv.row_count());
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t first = group * n;
    if (is_float) {
      const auto* values = w.constant_as<float>();
      const auto* b = static_cast<const float*>(bias);
      conv.floats.push_back(pack_float_gemm(
          n, k, b != nullptr ? b + first : nullptr, op.float_range,
          [&](int64_t i, int64_t j) { return values[weight_index(first + i, j)]; }));
    } else {
      const IntWeights values = int_weights(op, w);
      const auto* b = static_cast<const int32_t*>(bias);
      std::vector<FixedMultiplier> multipliers = op.multipliers;
      if (multipliers.size() > 1) {
        multipliers.assign(op.multipliers.begin() + first, op.multipliers.begin() + first + n);
      }
      const bool wide = op.kind == WeightedKind::uint8 || op.w_zero != 0;
      conv.ints.push_back(
          pack_int_gemm(n, k, b != nullptr ? b + first : nullptr, multipliers, op.y_zero, op.range,
                        args.output().type, wide,
                        [&](int64_t i, int64_t j) { return values[weight_index(first + i, j)]; }));
    }
  }
  return conv;
}

/// Computes rows [first, last); row i goes to y + (i - first) * stride values.
void run_conv_gemm(const ConvGemm& conv, const void* x, int64_t first, int64_t last, void* y,
                   int64_t stride, std::byte* scratch);

}  // namespace smelt
