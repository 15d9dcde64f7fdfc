#pragma once

#include <span>

#include "smelt/quantize/range.h"
#include "smelt/quantize/recipe.h"
#include "smelt/quantize/stats.h"

namespace smelt {

/// Steps that a range is divided into: int8, or int16 symmetric around 0.
inline constexpr int kInt8Levels = 256;
inline constexpr int kInt16Levels = 65535;

/// The part of `whole` that activations which share a scale are given, by `how.ranges`; `whole` is
/// the hull of what was seen of them (for int16, made symmetric by the caller, who widens the
/// result likewise).
///   minmax: all of it.
///   mse: least_error_range.
///   moving_average: the samples' min and max, averaged exponentially in the order of samples, each
///     new one with weight 0.05 (the LiteRT quantizer's smoothing factor of 0.95); where tensors
///     share a scale, the hull of their averages.
///   percentile: of each tensor, `how.percentile` percent of the values are inside and half of the
///     rest beyond either end (as ONNX Runtime's calibration has it); the hull of all tensors'.
///   entropy: least_divergence_range.
/// The whole range where what the method needs was not recorded.
Range clipped_range(const OpConfig& how, std::span<const TensorStats* const> tensors,
                    const Range& whole, int levels = kInt8Levels);

/// The part of `whole` (which contains 0) that is worth its steps: the range s * whole, s <= 1, for
/// which the squared errors of `levels` steps (rounding inside, clipping outside), each relative to
/// the variance of its tensor, are least in sum over tensors that share one scale. A pooled tensor,
/// whose values are smaller than those it was pooled from, gets finer steps so.
/// The whole range where nothing is known of the tensors.
Range least_error_range(std::span<const Histogram* const> tensors, const Range& whole,
                        int levels = kInt8Levels);

/// The range s * whole, s <= 1, that keeps most of the tensors' distributions: the Kullback-Leibler
/// divergences between each, clipped to the range, and what `levels` steps leave of it are least in
/// sum (see divergence.h). Never narrower than `levels` bins of the coarsest histogram, because
/// finer steps than bins cannot be judged.
Range least_divergence_range(std::span<const Histogram* const> tensors, const Range& whole,
                             int levels = kInt8Levels);

}  // namespace smelt
