#pragma once

#include <cstdint>

#include "smelt/ir/op_enums.h"

namespace smelt {

/// 1 / (1 + exp(-x)) of each value, within 1e-6 of it; y may be x.
void logistic(const float* x, int64_t count, float* y);

/// The fused activation of each value (ApplyActivationToVector); tanh within 1e-6. y may be x.
void activate(Activation activation, const float* x, int64_t count, float* y);

}  // namespace smelt
