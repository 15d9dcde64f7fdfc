#pragma once

#include <span>

#include "smelt/quantize/histogram.h"
#include "smelt/quantize/ties.h"

namespace smelt {

/// The part of `whole` (which contains 0) that is worth its steps: the range s * whole, s <= 1, for
/// which the squared errors of int8 values (rounding inside, clipping outside), each relative to
/// the variance of its tensor, are least in sum over tensors that share one scale. A pooled tensor,
/// whose values are smaller than those it was pooled from, gets finer steps so.
/// The whole range where nothing is known of the tensors.
Range least_error_range(std::span<const Histogram* const> tensors, const Range& whole);

}  // namespace smelt
