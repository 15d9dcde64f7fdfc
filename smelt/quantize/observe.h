#pragma once

#include <cstdint>
#include <span>

#include "smelt/quantize/stats.h"

namespace smelt {

/// Widens `stats` by the values. False where one of them is NaN or infinite; `stats` is then of no
/// use.
bool observe(std::span<const float> values, TensorStats& stats);

/// Widens the ranges of channels by values [N, C].
void observe_channels(std::span<const float> values, std::vector<Range>& channels);

/// Pearson's correlation of values [H, W, C] with those one further along W.
float neighbour_correlation(std::span<const float> values, int64_t width, int64_t channels);

/// Widens `into` by what another worker saw.
void merge(const TensorStats& from, TensorStats& into);

}  // namespace smelt
