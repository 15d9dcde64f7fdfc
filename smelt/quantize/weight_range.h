#pragma once

#include <span>
#include <vector>

#include "smelt/ir/shape.h"
#include "smelt/quantize/recipe.h"

namespace smelt {

/// The |value| that gets the largest integer, 2^(bits - 1) - 1, for each slice of `axis` (-1: one
/// for all values).
///   minmax: the largest |value| (max_abs).
///   mse: of 64 parts of that, from an eighth up, the one whose squared error of rounding and
///     clipping is least.
///   octav: the fixed point of OCTAV (Sakr et al., "Optimal Clipping and Magnitude-aware
///     Differentiation for Improved Quantization-aware Training", ICML 2022, equation 6):
///     s = sum(|x| where |x| > s) / (4^-bits / 3 * count(|x| <= s) + count(|x| > s)), from the mean
///     of |x| on; never more than the largest |value|.
/// 0 for a slice of zeros. Values must be finite and fill the shape; bits from 2 to 8.
std::vector<float> weight_reach(std::span<const float> values, const Shape& shape, int axis,
                                int bits, WeightRange method);

/// The same for blocks of `block_size` values along the last axis, in row order. The last block of
/// a row is shorter where the axis is no multiple.
std::vector<float> weight_reach_blocks(std::span<const float> values, const Shape& shape,
                                       int block_size, int bits, WeightRange method);

}  // namespace smelt
