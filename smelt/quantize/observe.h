#pragma once

#include <cstdint>
#include <span>

#include "smelt/quantize/stats.h"

namespace smelt {

/// Widens `stats` by the values. False where one of them is NaN or infinite; `stats` is then of no
/// use.
bool observe(std::span<const float> values, TensorStats& stats);

/// Widens `into` by what another worker saw.
void merge(const TensorStats& from, TensorStats& into);

}  // namespace smelt
