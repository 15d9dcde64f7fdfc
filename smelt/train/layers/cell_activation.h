#pragma once

#include <cstdint>

#include "smelt/ir/op_enums.h"

namespace smelt::train {

/// dy[i] *= slope of the activation where it gave y[i] for x[i]; x is read only where
/// `slope_needs_input` and may be null otherwise. Activations themselves:
/// kernels/recurrent_layer.h.
void multiply_by_slope(CellActivation activation, const float* x, const float* y, int64_t count,
                       float* dy);

/// Whether the slope does not follow from the result alone.
bool slope_needs_input(CellActivation activation);

}  // namespace smelt::train
